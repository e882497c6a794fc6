package report

import (
	"slices"

	"dyno/internal/figure"
)

// colours gives every level that a figure tells apart by colour its index in
// the palette: the same one in all figures of a system.
type colours map[string]int

// allot gives out the palette: per system and knob in the order of the levels,
// flagship experiments first, since their figures are looked at most.
func allot(results []*Result) colours {
	c := make(colours)
	next := make(map[string]int)
	for _, flagship := range []bool{true, false} {
		for _, r := range results {
			if r.Run.Experiment.Flagship != flagship {
				continue
			}
			for _, knob := range seriesKnobs(r) {
				for _, level := range r.levels(knob) {
					key := r.Run.Experiment.System + "/" + knob
					if _, given := c[key+"="+level]; !given {
						c[key+"="+level] = next[key]
						next[key]++
					}
				}
			}
		}
	}
	return c
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
