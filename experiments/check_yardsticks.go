package experiments

import (
	"fmt"

	"dyno/internal/record"
	"dyno/systems"
)

// relative checks "METRIC per YARDSTICK": a number by a number of the same
// unit.
func (k *checker) relative(base, yardstick string, want record.Kind) error {
	if want != record.KindScalar {
		return fmt.Errorf("metric %s per %s: only a scalar or a quantile can be divided by a yardstick", base, yardstick)
	}
	if err := k.metric(base, want); err != nil {
		return err
	}
	y, ok := record.Yardstick(yardstick)
	if !ok {
		var names []string
		for _, m := range record.YardstickMetrics {
			names = append(names, m.Name)
		}
		return fmt.Errorf("yardstick %w", &systems.ChoiceError{Word: yardstick, Allowed: names})
	}
	if h, _, ok := record.Quantile(base); ok {
		base = h
	}
	m, _ := k.e.System.Metric(base)
	return y.Relate(m)
}
