package experiments

import (
	"fmt"
	"strconv"

	"dyno/internal/record"
)

// peers checks what the report is to say of others' software.
func (k *checker) peers() error {
	var names []string
	for i := range k.e.Peers {
		p := &k.e.Peers[i]
		place := []string{"peers", strconv.Itoa(i)}
		texts := [][2]string{{"rival", p.Rival}, {"promise", p.Promise}, {"says", p.Says}}
		if err := k.part("peer", p.Name, names, texts, place); err != nil {
			return err
		}
		if err := k.metric(p.Metric, record.KindScalar); err != nil {
			return k.fail(fmt.Errorf("peer %s: %w", p.Name, err), append(place, "metric")...)
		}
		if _, err := k.anyCell(p.Where, "peer "+p.Name, append(place, "where")...); err != nil {
			return err
		}
		if len(p.Over) > 0 {
			if _, err := k.anyCell(p.Over, "peer "+p.Name, append(place, "over")...); err != nil {
				return err
			}
		}
		names = append(names, p.Name)
	}
	return nil
}
