package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"dyno/internal/record"
	"dyno/internal/stats"
	"dyno/internal/table"
)

// judgeObjective holds an objective against every block, for a service promises
// it of each: no interval is needed, and one block that misses it decides.
func (r *Result) judgeObjective(j judged) judged {
	cell, err := r.claimed(j.Cell, j.Where)
	if err != nil {
		if j.say("(" + table.Text(err.Error()) + ")"); !r.early(j.Claim) {
			j.ruling = Undecided // and so missed
		}
		return j
	}
	values := stats.PerBlock(cell.trials, j.Metric)
	if len(values) == 0 {
		if j.say("(no valid block says; a percentile needs five calls beyond it)"); !r.early(j.Claim) {
			j.ruling = Undecided // and so missed
		}
		return j
	}
	bound := record.Bound{Metric: j.Metric, AtLeast: j.AtLeast, AtMost: j.AtMost}
	kept, worst := 0, slices.Max(slices.Collect(maps.Values(values)))
	if j.AtLeast != nil {
		worst = slices.Min(slices.Collect(maps.Values(values)))
	}
	for _, v := range values {
		if bound.Keeps(v) {
			kept++
		}
	}
	j.say(fmt.Sprintf("kept in %d of %d blocks, the worst has %s", kept, len(values), bound.Show(worst)))
	switch {
	case r.early(j.Claim):
	case kept == len(values):
		j.ruling = Supported
	default:
		j.ruling = Refuted
	}
	return j
}

// judgeNothing holds a claim of nothing, at most 0 of a level, against every block:
// a median of 0 would hide what happened in fewer than half of them.
func (r *Result) judgeNothing(j *judged, scale float64, unit string) {
	cell, _ := r.claimed(j.Cell, j.Where) // evidence has found it
	some, values := 0, slices.Collect(maps.Values(stats.PerBlock(cell.trials, j.Metric)))
	for _, v := range values {
		if v > 0 {
			some++
		}
	}
	if j.ruling = Supported; some > 0 {
		j.ruling = Refuted
		most := strings.TrimSpace(fmt.Sprintf("%g %s", digits(slices.Max(values)*scale), unit))
		j.say(fmt.Sprintf("above 0 in %d of %d blocks, up to %s", some, len(values), most))
	}
}
