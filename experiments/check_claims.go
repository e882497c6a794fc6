package experiments

import (
	"errors"
	"fmt"
	"slices"

	"dyno/internal/record"
)

func (k *checker) claims() error {
	var names []string
	for i, c := range k.e.Claims {
		err := k.claim(c)
		if err == nil && slices.Contains(names, c.Name) {
			err = fmt.Errorf("claim %s is given twice", c.Name)
		}
		if err != nil {
			return at(k.path, child(k.root, "claims").Content[i], err)
		}
		names = append(names, c.Name)
	}
	return nil
}

func (k *checker) claim(c record.Claim) error {
	if !nameForm.MatchString(c.Name) || c.Claim == "" {
		return errors.New("a claim needs a name (lower-case words joined by hyphens) and its statement under claim")
	}
	if err := k.bounds(c); err != nil {
		return fmt.Errorf("claim %s: %w", c.Name, err)
	}
	if err := k.metric(c.Metric, record.KindScalar); err != nil {
		return fmt.Errorf("claim %s: %w", c.Name, err)
	}
	if c.Theory != "" {
		if err := k.metric(c.Theory, record.KindScalar); err != nil {
			return fmt.Errorf("claim %s: theory: %w", c.Name, err)
		}
	}
	if err := k.coreCell(c.Where); err != nil {
		return fmt.Errorf("claim %s: where: %w", c.Name, err)
	}
	if len(c.Over) > 0 {
		if err := k.coreCell(c.Over); err != nil {
			return fmt.Errorf("claim %s: over: %w", c.Name, err)
		}
	}
	return nil
}

func (k *checker) bounds(c record.Claim) error {
	switch {
	case (c.AtLeast == nil) == (c.AtMost == nil):
		return errors.New("want at-least or at-most, one of them")
	case len(c.Over) > 0 && c.Theory != "":
		return errors.New("want over (another cell) or theory (a metric), not both")
	}
	return nil
}

// coreCell checks that a filter names exactly one core cell, for claims rest
// on cells that every block runs; its levels are made canonical.
func (k *checker) coreCell(v record.Values) error {
	w := make(record.Where)
	for knob, level := range v {
		w[knob] = []string{level}
	}
	if err := k.where(w); err != nil {
		return err
	}
	for knob := range v {
		v[knob] = w[knob][0]
	}
	all, err := cells(k.e)
	if err != nil {
		return err
	}
	_, err = oneCore(all, v)
	return err
}
