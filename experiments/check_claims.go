package experiments

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"dyno/internal/record"
	"dyno/systems"
)

// claims checks them. One that is a service-level objective becomes one for each
// of its bounds.
func (k *checker) claims() error {
	var names []string
	var all []record.Claim
	for i, given := range k.e.Claims {
		place := []string{"claims", strconv.Itoa(i)}
		parts, err := k.bounded(given, place)
		if err != nil {
			return err
		}
		for _, c := range parts {
			if err := k.part("claim", c.Name, names, [][2]string{{"claim", c.Claim}}, place); err != nil {
				return err
			}
			if err := k.claim(&c, place); err != nil {
				return err
			}
			names, all = append(names, c.Name), append(all, c)
		}
	}
	k.e.Claims = all
	return nil
}

// bounded are the claims that an objective makes, or the claim itself. Where an
// objective permits errors, trials with as many are valid.
func (k *checker) bounded(c record.Claim, place []string) (parts []record.Claim, err error) {
	if c.Objective == "" {
		return []record.Claim{c}, nil
	}
	fail := func(err error) ([]record.Claim, error) {
		return nil, k.fail(fmt.Errorf("claim %s: %w", c.Name, err), append(place, "objective")...)
	}
	if c.Metric != "" || c.AtLeast != nil || c.AtMost != nil || len(c.Over) > 0 || c.Theory != "" {
		return fail(errors.New("want an objective, or a metric with its bound, not both"))
	}
	bounds, err := record.ParseObjective(c.Objective)
	if err != nil {
		return fail(err)
	}
	if share, ok := record.AllowedErrors(bounds); ok && share > k.e.Allowed() {
		if k.e.MaxFailures != nil {
			return fail(fmt.Errorf("it permits %v errors, but trials with more than %v are not valid: raise max-failures", share, k.e.Allowed()))
		}
		k.e.MaxFailures = &share
	}
	for _, b := range bounds {
		part := c
		part.Name += "-" + strings.ReplaceAll(b.Word, ".", "")
		part.Claim = cmp.Or(c.Claim, b.Text)
		part.Objective, part.Metric, part.AtLeast, part.AtMost = b.Text, b.Metric, b.AtLeast, b.AtMost
		part.Where = maps.Clone(c.Where)
		parts = append(parts, part)
	}
	return parts, nil
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
	name := k.coreCell
	switch c.Scale {
	case "":
	case deep:
		name = k.anyCell
	default:
		return fail("scale", fmt.Errorf("scale %w", &systems.ChoiceError{Word: c.Scale, Allowed: []string{deep}}))
	}
	var err error
	if c.Cell, err = name(c.Where, "claim "+c.Name, append(place, "where")...); err != nil {
		return err
	}
	if len(c.Over) > 0 {
		c.OverCell, err = name(c.Over, "claim "+c.Name, append(place, "over")...)
		return err
	}
	return nil
}

// deep is the scale that claims may wait for.
const deep = "deep"

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
	return k.oneCell(oneCore, v, whose, place...)
}

// anyCell is the same where a detail cell will do, if no core cell is named: for
// claims that wait for scale deep, for rows of the page on others' software, and for
// controls.
func (k *checker) anyCell(v record.Values, whose string, place ...string) (int, error) {
	return k.oneCell(oneAny, v, whose, place...)
}

func (k *checker) oneCell(find func([]*Cell, record.Values) (*Cell, error), v record.Values, whose string, place ...string) (int, error) {
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
		c, err = find(all, v)
	}
	if err != nil {
		return 0, k.fail(fmt.Errorf("%s: %s: %w", whose, place[len(place)-1], err), place...)
	}
	return c.Index, nil
}
