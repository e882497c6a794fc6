package experiments

import (
	"errors"
	"fmt"
	"strconv"

	"dyno/internal/record"
)

func (k *checker) claims() error {
	var names []string
	for i := range k.e.Claims {
		c := &k.e.Claims[i]
		place := []string{"claims", strconv.Itoa(i)}
		if err := k.part("claim", c.Name, names, [][2]string{{"claim", c.Claim}}, place); err != nil {
			return err
		}
		if err := k.claim(c, place); err != nil {
			return err
		}
		names = append(names, c.Name)
	}
	return nil
}

// claim checks a claim and notes the cells that it is about.
func (k *checker) claim(c *record.Claim, place []string) error {
	fail := func(key string, err error) error {
		return k.fail(fmt.Errorf("claim %s: %w", c.Name, err), append(place, key)...)
	}
	if err := k.bounds(c); err != nil {
		return fail("name", err)
	}
	if err := k.metric(c.Metric, record.KindScalar); err != nil {
		return fail("metric", err)
	}
	if c.Theory != "" {
		if err := k.metric(c.Theory, record.KindScalar); err != nil {
			return fail("theory", fmt.Errorf("theory: %w", err))
		}
	}
	var err error
	if c.Cell, err = k.coreCell(c.Where, "claim "+c.Name, append(place, "where")...); err != nil {
		return err
	}
	if len(c.Over) > 0 {
		c.OverCell, err = k.coreCell(c.Over, "claim "+c.Name, append(place, "over")...)
		return err
	}
	return nil
}

func (k *checker) bounds(c *record.Claim) error {
	switch {
	case (c.AtLeast == nil) == (c.AtMost == nil):
		return errors.New("want at-least or at-most, one of them")
	case len(c.Over) > 0 && c.Theory != "":
		return errors.New("want over (another cell) or theory (a metric), not both")
	}
	return nil
}

// coreCell checks that a filter, which stands at a place, names exactly one
// core cell, for claims rest on cells that every block runs; its levels are
// made canonical. It returns the index of the cell.
func (k *checker) coreCell(v record.Values, whose string, place ...string) (int, error) {
	w := make(record.Where)
	for knob, level := range v {
		w[knob] = []string{level}
	}
	if err := k.where(w, place...); err != nil {
		return 0, err
	}
	for knob := range v {
		v[knob] = w[knob][0]
	}
	all, err := cells(k.e)
	var c *Cell
	if err == nil {
		c, err = oneCore(all, v)
	}
	if err != nil {
		return 0, k.fail(fmt.Errorf("%s: %s: %w", whose, place[len(place)-1], err), place...)
	}
	return c.Index, nil
}
