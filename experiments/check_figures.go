package experiments

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"dyno/bench/load"
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
	if want == record.KindSeries && (f.X != "" || f.Series != "") {
		return fail("kind", fmt.Errorf("kind %s takes neither x nor series: its axis is time, its lines are the members of the metric", f.Kind))
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

// load checks the load model. That of a search is completed with its defaults,
// so that results say what was searched for.
func (k *checker) load() error {
	l := &k.e.Load
	if !slices.Contains(record.Loops, l.Loop) {
		return k.fail(fmt.Errorf("load.loop %w", &systems.ChoiceError{Word: l.Loop, Allowed: record.Loops}), "load", "loop")
	}
	if l.Loop != "search" {
		if *l != (record.Load{Loop: l.Loop}) {
			return k.fail(fmt.Errorf("load: p99-below, from, to, precision and probes belong to loop search, not to %s", l.Loop), "load")
		}
		return nil
	}
	if l.P99Below == 0 || l.From == 0 || l.To == 0 {
		return k.fail(errors.New("load: a search needs p99-below, from and to, for example {loop: search, p99-below: 100ms, from: 100, to: "+
			"5000}"), "load")
	}
	for name, scale := range k.e.Scales {
		if n := l.From * scale.Length.Duration().Seconds(); n < load.MinProbeOperations {
			return k.fail(fmt.Errorf("scale %s: a probe of %v at %v req/s has %.0f requests, and p99 takes %d: raise load.from, or length", name,
				scale.Length, l.From, n, load.MinProbeOperations), "scales", name, "length")
		}
	}
	t, err := load.SearchGoal(*l, 0, 0).Check()
	if err != nil {
		return k.fail(fmt.Errorf("load: %w", err), "load")
	}
	l.Precision, l.Probes = t.Precision, t.Probes
	return nil
}

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
