package report

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"dyno/internal/record"
)

// cell is one combination of levels with its trials.
type cell struct {
	number int // of its sweep
	sweep  record.Sweep
	values record.Values // what is known: swept and fixed knobs, and all of them once there is a trial
	trials []*record.Trial
	left   bool // the run did not plan it: a detail cell at a small scale, or not among those asked for
}

// cells expands an experiment's sweeps in the planner's order: core before
// detail, the last factor of a sweep varying fastest.
func cells(e *record.Experiment) ([]*cell, error) {
	var out []*cell
	for i, sweep := range sweeps(e) {
		n := 1
		for _, f := range sweep {
			if n *= len(f.Levels); n == 0 || len(out)+n > maxCells {
				return nil, fmt.Errorf("sweep %d has no cells, or more than %d", i+1, maxCells)
			}
		}
		for k := range n {
			c := &cell{number: i, sweep: sweep, values: record.Values(maps.Clone(e.Knobs))}
			if c.values == nil {
				c.values = make(record.Values)
			}
			for _, f := range slices.Backward(sweep) {
				c.values[f.Knob] = f.Levels[k%len(f.Levels)]
				k /= len(f.Levels)
			}
			out = append(out, c)
		}
	}
	return out, nil
}

func sweeps(e *record.Experiment) []record.Sweep { return slices.Concat(e.Core, e.Detail) }

// add gives a trial to the cell it was made of.
func (c *cell) add(t *record.Trial) error {
	for _, f := range c.sweep {
		if got := t.Values[f.Knob]; got != c.values[f.Knob] {
			return fmt.Errorf("cell %d has %s=%s, the trial %q", t.Cell, f.Knob, c.values[f.Knob], got)
		}
	}
	c.trials = append(c.trials, t)
	return nil
}

// settle completes the cells' values from their trials: the levels that knobs
// have by default stand nowhere else. Cells of the same sweep differ in the
// swept knobs only, so one trial tells for all of them.
func (r *Result) settle() {
	r.leaveOut()
	known := make(map[int]record.Values)
	for _, c := range r.cells {
		if len(c.trials) > 0 {
			known[c.number] = c.trials[0].Values
		}
	}
	for _, c := range r.cells {
		for knob, level := range known[c.number] {
			if _, ok := c.values[knob]; !ok {
				c.values[knob] = level
			}
		}
	}
}

// leaveOut marks the cells that the run did not plan. Runs that do not say
// which trials they planned are taken to have planned all.
func (r *Result) leaveOut() {
	planned := make(map[int]bool)
	for _, id := range r.Run.Trials {
		planned[cellNumber(id)] = true
	}
	delete(planned, 0)
	for i, c := range r.cells {
		c.left = len(planned) > 0 && !planned[i+1]
	}
}

// cellNumber reads the cell from a trial's id; 0 when it does not say.
func cellNumber(id string) int {
	_, digits, _ := strings.Cut(id[max(0, strings.LastIndex(id, "-c")):], "-c")
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return n
}

// has reports whether a knob is swept in the cell's sweep.
func (c *cell) has(knob string) bool {
	return slices.ContainsFunc(c.sweep, func(f record.Factor) bool { return f.Knob == knob })
}

// label names a cell by its swept knobs.
func (c *cell) label() string {
	if len(c.sweep) == 0 {
		return "the only cell"
	}
	var parts []string
	for _, f := range c.sweep {
		parts = append(parts, f.Knob+"="+c.values[f.Knob])
	}
	return strings.Join(parts, " ")
}

// pick chooses the cell that is meant when several agree on the named knobs:
// the one whose sweep varies all of those and the fewest others. For example a
// detail sweep over another knob also has a cell with the named levels, by
// default. nil when there is no cell; an error when the choice stays open.
func pick(matching []*cell, named []string) (*cell, error) {
	var best []*cell
	least := -1
	for _, c := range matching {
		distance := 0
		for _, knob := range named {
			if !c.has(knob) {
				distance += 1000 // worse than any number of other knobs
			}
		}
		for _, f := range c.sweep {
			if !slices.Contains(named, f.Knob) {
				distance++
			}
		}
		if least < 0 || distance < least {
			best, least = nil, distance
		}
		if distance == least {
			best = append(best, c)
		}
	}
	switch len(best) {
	case 0:
		return nil, nil
	case 1:
		return best[0], nil
	}
	return nil, &ambiguous{cells: len(best), knobs: differing(best)}
}

// ambiguous says that several cells fit.
type ambiguous struct {
	cells int
	knobs []string
}

func (e *ambiguous) Error() string {
	return fmt.Sprintf("%d cells fit; they differ in %s", e.cells, strings.Join(e.knobs, ", "))
}

// differing lists the knobs whose levels are not the same in all cells.
func differing(cells []*cell) []string {
	var out []string
	for _, c := range cells {
		for knob, level := range c.values {
			if cells[0].values[knob] != level && !slices.Contains(out, knob) {
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
		if l, known := c.values[knob]; known {
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

func (r *Result) matching(w record.Where) []*cell {
	var out []*cell
	for _, c := range r.cells {
		if w.Matches(c.values) {
			out = append(out, c)
		}
	}
	return out
}

// leftOut reports whether the run was not to measure anything that a figure
// shows.
func (r *Result) leftOut(f record.Figure) bool {
	cells := r.matching(f.Where)
	return len(cells) > 0 && !slices.ContainsFunc(cells, func(c *cell) bool { return !c.left })
}
