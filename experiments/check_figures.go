package experiments

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"dyno/internal/record"
	"dyno/systems"
)

// What files call the kind of figure that has a numeric x axis, and the format
// that shows shares in hundredths.
const (
	lines   = "lines"
	percent = "percent"
)

func (k *checker) figures() error {
	var names []string
	for i, f := range k.e.Figures {
		place := []string{"figures", strconv.Itoa(i)}
		if err := k.part("figure", f.Name, names, [][2]string{{"title", f.Title}}, place); err != nil {
			return err
		}
		if err := k.figure(f, place); err != nil {
			return err
		}
		names = append(names, f.Name)
	}
	return nil
}

func (k *checker) figure(f record.Figure, place []string) error {
	fail := func(key string, err error) error {
		return k.fail(fmt.Errorf("figure %s: %w", f.Name, err), append(place, key)...)
	}
	want, ok := k.catalog.FigureKinds[f.Kind]
	if !ok {
		kinds := slices.Sorted(maps.Keys(k.catalog.FigureKinds))
		return fail("kind", fmt.Errorf("kind %w", &systems.ChoiceError{Word: f.Kind, Allowed: kinds}))
	}
	if want == record.KindScalar && f.X == "" {
		return fail("x", fmt.Errorf("x %w", errEmpty))
	}
	if err := k.metric(f.Y, want); err != nil {
		return fail("y", fmt.Errorf("y: %w", err))
	}
	if f.Theory != "" {
		if err := k.metric(f.Theory, record.KindScalar); err != nil {
			return fail("theory", fmt.Errorf("theory: %w", err))
		}
	}
	for _, by := range [][2]string{{"x", f.X}, {"series", f.Series}, {"facet", f.Facet}} {
		if err := k.sweptKnob(by[1]); by[1] != "" && err != nil {
			return fail(by[0], err)
		}
	}
	if f.LogX && f.Kind != lines {
		return fail("log-x", fmt.Errorf("log-x is for kind %s: %s stand side by side", lines, f.Kind))
	}
	if f.YFormat != "" && f.YFormat != percent {
		return fail("y-format", fmt.Errorf("y-format %w", &systems.ChoiceError{Word: f.YFormat, Allowed: []string{percent}}))
	}
	return k.where(f.Where, append(place, "where")...)
}

func (k *checker) tables() error {
	var names []string
	for i, t := range k.e.Tables {
		place := []string{"tables", strconv.Itoa(i)}
		if err := k.part("table", t.Name, names, [][2]string{{"title", t.Title}}, place); err != nil {
			return err
		}
		if err := k.table(t, place); err != nil {
			return err
		}
		names = append(names, t.Name)
	}
	return nil
}

func (k *checker) table(t record.Table, place []string) error {
	if len(t.Columns) == 0 {
		return k.fail(fmt.Errorf("table %s: columns %w", t.Name, errEmpty), append(place, "columns")...)
	}
	for i, knob := range t.Rows {
		if err := k.sweptKnob(knob); err != nil {
			return k.fail(fmt.Errorf("table %s: %w", t.Name, err), append(place, "rows", strconv.Itoa(i))...)
		}
	}
	for i, m := range t.Columns {
		if err := k.metric(m, record.KindScalar); err != nil {
			return k.fail(fmt.Errorf("table %s: %w", t.Name, err), append(place, "columns", strconv.Itoa(i))...)
		}
	}
	return k.where(t.Where, append(place, "where")...)
}
