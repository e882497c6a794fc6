package report

import (
	"slices"
	"strings"

	"dyno/internal/figure"
)

// colours gives every level that a figure tells apart by colour its index in
// the palette: the same one in all figures of a system.
type colours map[string]int

// allot gives out the palette: per system and knob in the order of the levels,
// flagship experiments first, since their figures are looked at most. Once all
// colours are given out, a level shares one with a level of other experiments, if
// there is such a one.
func allot(results []*Result) colours {
	c := make(colours)
	for _, flagship := range []bool{true, false} {
		for _, r := range results {
			if r.Run.Experiment.Flagship != flagship {
				continue
			}
			for _, knob := range seriesKnobs(r) {
				c.give(r.Run.Experiment.System+"/"+knob+"=", r.levels(knob))
			}
		}
	}
	return c
}

// give has each of the levels that an experiment sweeps have an index.
func (c colours) give(knob string, levels []string) {
	taken := make(map[int]bool)  // indices of the knob's levels
	beside := make(map[int]bool) // colours of the experiment's
	for key, i := range c {
		if strings.HasPrefix(key, knob) {
			taken[i] = true
		}
	}
	for _, level := range levels {
		if i, given := c[knob+level]; given {
			beside[i%figure.Colours] = true
		}
	}
	for _, level := range levels {
		if _, given := c[knob+level]; given {
			continue
		}
		i := 0
		for taken[i] || beside[i%figure.Colours] && len(beside) < figure.Colours {
			i++
		}
		c[knob+level], taken[i], beside[i%figure.Colours] = i, true, true
	}
}

func seriesKnobs(r *Result) []string {
	var out []string
	for _, f := range r.Run.Experiment.Figures {
		if f.Series != "" && !slices.Contains(out, f.Series) {
			out = append(out, f.Series)
		}
	}
	return out
}

// of returns a level's index.
func (c colours) of(r *Result, knob, level string) int {
	if i, ok := c[r.Run.Experiment.System+"/"+knob+"="+level]; ok {
		return i
	}
	return figure.Neutral
}
