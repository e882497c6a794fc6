package report

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"dyno/internal/record"
	"dyno/internal/stats"
)

// cell is one combination of levels with its trials.
type cell struct {
	record.Cell
	swept  []string // its swept knobs, in the order of the experiment file
	trials []*record.Trial
	sample func() *stats.Sample // of all trials, when all are there
}

// number summarizes a metric of the cell, once: plots, tables, the page and the
// text show the same ones.
func (c *cell) number(metric string) (stats.Summary, error) { return c.sample().Of(metric) }

// cells takes the stored cells that are not controls.
func cells(run *record.Run) ([]*cell, error) {
	var out []*cell
	for i, c := range run.Cells {
		if c.Index != i+1 || c.Control == "" && len(out) != i {
			return nil, fmt.Errorf("cell %d stands in place %d, or after a control", c.Index, i+1)
		}
		if c.Control != "" {
			continue
		}
		k := &cell{Cell: c}
		k.sample = sync.OnceValue(func() *stats.Sample { return &stats.Sample{Trials: k.trials} })
		for _, knob := range sweptKnobs(&run.Experiment) {
			if _, ok := c.Factors[knob]; ok {
				k.swept = append(k.swept, knob)
			}
		}
		out = append(out, k)
	}
	return out, nil
}

func sweeps(e *record.Experiment) []record.Sweep { return slices.Concat(e.Core, e.Detail) }

// left says that the run did not plan the cell: a detail cell at a small scale,
// or not among those asked for.
func (c *cell) left() bool { return c.Blocks == 0 }

// has reports whether a knob is swept in the cell's sweep.
func (c *cell) has(knob string) bool { return slices.Contains(c.swept, knob) }

// label names a cell by its swept knobs.
func (c *cell) label() string {
	if len(c.swept) == 0 {
		return "the only cell"
	}
	var parts []string
	for _, knob := range c.swept {
		parts = append(parts, knob+"="+legible(c.Values[knob]))
	}
	return strings.Join(parts, " ")
}

// pick chooses the cell that is meant when several agree on the named knobs:
// the one whose sweep varies all of those and the fewest others; a core cell, if
// that leaves one, before a detail cell, so that the places of a figure are not
// taken from different sweeps. For example a detail sweep over another knob also
// has a cell with the named levels, by default. nil when there is no cell; an
// error when the choice stays open.
func pick(matching []*cell, named []string) (*cell, error) {
	near := nearest(matching, func(c *cell) (missing int) {
		for _, knob := range named {
			if !c.has(knob) {
				missing++
			}
		}
		return missing
	})
	others := func(c *cell) (n int) {
		for _, knob := range c.swept {
			if !slices.Contains(named, knob) {
				n++
			}
		}
		return n
	}
	best := nearest(near, others)
	core := slices.DeleteFunc(slices.Clone(near), func(c *cell) bool { return c.Detail })
	if core = nearest(core, others); len(core) == 1 {
		return core[0], nil
	}
	switch len(best) {
	case 0:
		return nil, nil
	case 1:
		return best[0], nil
	}
	return nil, &ambiguous{cells: len(best), knobs: differing(best)}
}

// nearest keeps the cells at the least distance.
func nearest(cells []*cell, distance func(*cell) int) []*cell {
	var best []*cell
	for _, c := range cells {
		if len(best) > 0 && distance(c) < distance(best[0]) {
			best = nil
		}
		if len(best) == 0 || distance(c) == distance(best[0]) {
			best = append(best, c)
		}
	}
	return best
}

// ambiguous says that several cells fit.
type ambiguous struct {
	cells int
	knobs []string
}

func (e *ambiguous) Error() string {
	return fmt.Sprintf("%d cells fit one place; they differ in %s", e.cells, strings.Join(e.knobs, ", "))
}

// differing lists the knobs whose levels are not the same in all cells.
func differing(cells []*cell) []string {
	var out []string
	for _, c := range cells {
		for knob, level := range c.Values {
			if cells[0].Values[knob] != level && !slices.Contains(out, knob) {
				out = append(out, knob)
			}
		}
	}
	slices.Sort(out)
	return out
}

// levels lists the levels of a knob: numbers by size, words in the order of the
// experiment file, core before detail; those that only occur by default come
// last.
func (r *Result) levels(knob string) []string {
	var out []string
	take := func(level string) {
		if !slices.Contains(out, level) {
			out = append(out, level)
		}
	}
	for _, sweep := range sweeps(&r.Run.Experiment) {
		for _, f := range sweep {
			if f.Knob == knob {
				for _, l := range f.Levels {
					take(l)
				}
			}
		}
	}
	for _, c := range r.cells {
		if l, known := c.Values[knob]; known {
			take(l)
		}
	}
	if sorted, _, ok := numeric(out); ok {
		return sorted
	}
	return out
}

// knob finds a knob by name, with its unit.
func (r *Result) knob(name string) (record.KnobUnit, error) {
	var names []string
	for _, k := range r.Run.KnobUnits {
		if k.Name == name {
			return k, nil
		}
		names = append(names, k.Name)
	}
	return record.KnobUnit{}, fmt.Errorf("experiment %s: knob %q is not one of %s", r.Run.Experiment.Name, name, strings.Join(names, ", "))
}

var errSelector = errors.New(`want knob=level, for example "policy=least_load" or "policy=least_load,clients=100"`)

// where reads selectors. A comma separates knobs, unless what follows has no
// equals sign: then it belongs to the level, which may be a list.
func (r *Result) where(selectors []string) (record.Where, error) {
	w := make(record.Where)
	for _, s := range selectors {
		last := ""
		for part := range strings.SplitSeq(s, ",") {
			knob, level, ok := strings.Cut(part, "=")
			switch {
			case !ok && last == "":
				return nil, fmt.Errorf("experiment %s: %q: %w", r.Run.Experiment.Name, s, errSelector)
			case !ok:
				w[last][0] += "," + part
			default:
				last = strings.TrimSpace(knob)
				if _, err := r.knob(last); err != nil {
					return nil, err
				}
				if _, twice := w[last]; twice {
					return nil, fmt.Errorf("experiment %s: %q names %s twice", r.Run.Experiment.Name, strings.Join(selectors, " "), last)
				}
				w[last] = []string{level}
			}
		}
	}
	return w, nil
}

// find returns the cell that selectors mean; nil when no cell was planned.
func (r *Result) find(selectors []string) (*cell, error) {
	w, err := r.where(selectors)
	if err != nil {
		return nil, err
	}
	c, err := pick(r.matching(w), slices.Collect(maps.Keys(w)))
	if err != nil {
		return nil, fmt.Errorf("experiment %s: %q: %w", r.Run.Experiment.Name, strings.Join(selectors, " "), err)
	}
	return c, nil
}

// meant is the cell that the planner took for values: the core cell that has them,
// or else the other; nil: none has.
func (r *Result) meant(v record.Values) (out *cell) {
	for _, c := range r.cells {
		if v.In(c.Values) && (out == nil || out.Detail && !c.Detail) {
			out = c
		}
	}
	return out
}

func (r *Result) matching(w record.Where) []*cell {
	var out []*cell
	for _, c := range r.cells {
		if w.Matches(c.Values) {
			out = append(out, c)
		}
	}
	return out
}

// leftOut reports whether the run was not to measure anything that a figure
// shows.
func (r *Result) leftOut(f record.Figure) bool {
	cells := r.matching(f.Where)
	return len(cells) > 0 && !slices.ContainsFunc(cells, func(c *cell) bool { return !c.left() })
}
