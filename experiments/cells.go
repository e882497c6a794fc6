package experiments

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"dyno/internal/record"
	"dyno/systems"
)

// stored is the cell as results have it.
func (c *Cell) stored(blocks int) record.Cell {
	return record.Cell{
		Index: c.Index, Detail: c.Detail, Control: c.Control, Factors: c.Factors, Values: record.Values(c.Values),
		Warmup: record.ToSeconds(c.Warmup), Length: record.ToSeconds(c.Length), Blocks: blocks,
	}
}

// cells expands the sweeps; a combination that occurs twice is an error.
func cells(e *Experiment) ([]*Cell, error) {
	var out []*Cell
	seen := make(map[string]bool)
	for i, sweep := range slices.Concat(e.Core, e.Detail) {
		if combinations(sweep) > maxTrials-len(out) {
			return nil, fmt.Errorf("more than %d cells", maxTrials)
		}
		for _, factors := range product(sweep) {
			c := &Cell{Index: len(out) + 1, Detail: i >= len(e.Core), Factors: factors}
			given := maps.Clone(e.Knobs)
			if given == nil {
				given = make(map[string]string)
			}
			maps.Copy(given, factors)
			v, err := e.resolve(given)
			if err != nil {
				return nil, err
			}
			c.Values = v
			key := fmt.Sprint(v)
			if seen[key] {
				return nil, fmt.Errorf("cell %s is given twice", c.Label(e))
			}
			seen[key] = true
			out = append(out, c)
		}
	}
	return out, nil
}

// resolve completes the knobs of a cell. Those of stored results were completed
// when they were planned, by the system of that time.
func (e *Experiment) resolve(given map[string]string) (systems.Values, error) {
	if e.System == nil {
		return given, nil
	}
	return e.System.Resolve(given)
}

// combinations is how many cells a sweep has, or some number above maxTrials: they
// are counted before they are made, which takes memory.
func combinations(sweep record.Sweep) int {
	n := 1
	for _, f := range sweep {
		n = min(n, maxTrials+1) * len(f.Levels)
	}
	return n
}

// product is the cross product of a sweep's levels; the last factor varies
// fastest.
func product(sweep record.Sweep) []record.Values {
	out := []record.Values{{}}
	for _, f := range sweep {
		var next []record.Values
		for _, v := range out {
			for _, l := range f.Levels {
				w := maps.Clone(v)
				w[f.Knob] = l
				next = append(next, w)
			}
		}
		out = next
	}
	return out
}

// Label names a cell by its swept knobs, "policy=round_robin clients=100".
func (c *Cell) Label(e *Experiment) string {
	var parts []string
	for _, knob := range swept(&e.Experiment) {
		if l, ok := c.Factors[knob]; ok {
			parts = append(parts, knob+"="+l)
		}
	}
	if c.Control != "" {
		parts = append(parts, "control="+c.Control)
	}
	return strings.Join(parts, " ")
}

// narrow keeps the cells that a filter asks for; source says in errors whose
// filter it is.
func narrow(e *Experiment, all []*Cell, only record.Where, source string) ([]*Cell, error) {
	for knob, words := range only {
		kn, err := e.System.Knob(knob)
		if err != nil {
			return nil, systems.Usagef("%s: %w", source, err)
		}
		present := levelsOf(all, knob)
		for i, w := range words {
			if c, err := kn.Type.Parse(w); err == nil {
				words[i] = c
			}
			if !slices.Contains(present, words[i]) {
				return nil, systems.Usagef("%s: level %w of knob %s in %s", source, &systems.ChoiceError{Word: w, Allowed: present}, knob, e.Name)
			}
		}
	}
	var kept []*Cell
	for _, c := range all {
		if only.Matches(record.Values(c.Values)) {
			kept = append(kept, c)
		}
	}
	if len(kept) == 0 {
		return nil, systems.Usagef("%s leaves no cell of %s", source, e.Name)
	}
	return kept, nil
}
