package report

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"dyno/internal/record"
	"dyno/internal/stats"
	"dyno/internal/table"
)

// Ruling is what the measured blocks say of a claim.
type Ruling string

// The rulings. A claim is supported or refuted only when its whole interval
// lies on one side of the bound; without an interval it stays undecided.
const (
	Supported Ruling = "supported"
	Refuted   Ruling = "refuted"
	Undecided Ruling = "undecided"
	NotAsked  Ruling = "asked at deep" // and the run is of a smaller scale
)

// judged is a claim with its evidence.
type judged struct {
	record.Claim
	ruling   Ruling
	evidence string // the number with its interval, or why there is none
}

// judge holds a claim against the blocks: the metric of its cell, divided
// block by block by that of another cell or by theory.
func (r *Result) judge(c record.Claim) judged {
	j := judged{Claim: c, ruling: Undecided}
	if c.Scale != "" && c.Scale != r.Run.Scale {
		j.ruling = NotAsked
	}
	if c.Objective != "" {
		return r.judgeObjective(j)
	}
	s, err := r.evidence(c)
	if err != nil {
		j.evidence = "(" + table.Text(err.Error()) + ")"
		return j
	}
	j.evidence = table.Number(s)
	if s.Kind != stats.Interval {
		j.evidence += fmt.Sprintf("; %s, an interval needs 6", plural(int64(s.N), "block"))
		return j
	}
	switch {
	case j.ruling == NotAsked:
	case c.AtLeast != nil && s.Lo >= *c.AtLeast, c.AtMost != nil && s.Hi <= *c.AtMost:
		j.ruling = Supported
	case c.AtLeast != nil && s.Hi < *c.AtLeast, c.AtMost != nil && s.Lo > *c.AtMost:
		j.ruling = Refuted
	}
	return j
}

// judgeObjective holds an objective against every block, for a service promises
// it of each: no interval is needed, and one block that misses it decides.
func (r *Result) judgeObjective(j judged) judged {
	cell, err := r.claimed(j.Cell, j.Where)
	if err != nil {
		j.evidence = "(" + table.Text(err.Error()) + ")"
		return j
	}
	values := stats.PerBlock(cell.trials, j.Metric)
	if len(values) == 0 {
		j.evidence = "(no valid block says; a percentile needs five calls beyond it)"
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
	j.evidence = fmt.Sprintf("kept in %d of %d blocks, the worst has %s", kept, len(values), bound.Show(worst))
	switch {
	case j.ruling == NotAsked:
	case kept == len(values):
		j.ruling = Supported
	default:
		j.ruling = Refuted
	}
	return j
}

func (r *Result) evidence(c record.Claim) (stats.Summary, error) {
	cell, err := r.claimed(c.Cell, c.Where)
	if err != nil {
		return stats.Summary{}, err
	}
	values := stats.PerBlock(cell.trials, c.Metric)
	var under map[int]float64
	switch {
	case len(c.Over) > 0:
		other, err := r.claimed(c.OverCell, c.Over)
		if err != nil {
			return stats.Summary{}, err
		}
		under = stats.PerBlock(other.trials, c.Metric)
	case c.Theory != "":
		under = stats.PerBlock(cell.trials, c.Theory)
	default:
		if len(values) == 0 {
			return stats.Summary{}, errors.New("no block supports it")
		}
		return stats.Summarize(slices.Collect(maps.Values(values))), nil
	}
	return stats.PerBlockRatio(values, under)
}

// claimed is the cell that the planner took for a claim.
func (r *Result) claimed(index int, where record.Values) (*cell, error) {
	if index < 1 || index > len(r.cells) || !where.In(r.cells[index-1].Values) {
		return nil, fmt.Errorf("cell %d is not %s", index, selector(where))
	}
	return r.cells[index-1], nil
}

// Claims shows what was claimed before the run, and what the run says of it.
func (e *Experiment) Claims() string {
	if len(e.Run.Experiment.Claims) == 0 {
		return ""
	}
	out := table.New("claim, written before the run", "what is compared", "claimed", "found", "ruling")
	for _, c := range e.Run.Experiment.Claims {
		j := e.judge(c)
		out.Add(table.Text(c.Claim), table.Text(compared(c)), bound(c), j.evidence, string(j.ruling))
	}
	return out.String() + "\nSupported or refuted: the whole interval of the per-block values lies on one side of what is claimed."
}

func compared(c record.Claim) string {
	text := c.Metric
	if len(c.Where) > 0 {
		text += " of " + selector(c.Where)
	}
	switch {
	case len(c.Over) > 0:
		text += " / " + selector(c.Over)
	case c.Theory != "":
		text += " / " + c.Theory
	}
	return text
}

func selector(v record.Values) string {
	var parts []string
	for _, knob := range slices.Sorted(maps.Keys(v)) {
		parts = append(parts, knob+"="+v[knob])
	}
	return strings.Join(parts, ",")
}

func bound(c record.Claim) string {
	switch {
	case c.Objective != "":
		return table.Text(c.Objective)
	case c.AtLeast != nil:
		return fmt.Sprintf("≥ %g", *c.AtLeast)
	}
	return fmt.Sprintf("≤ %g", *c.AtMost)
}

// RefutedClaims lists the claims of the named experiments that their stored
// runs refute, as "experiment: claim".
func (s *Store) RefutedClaims(experiments []string) []string {
	return s.claims(experiments, func(j judged) bool { return j.ruling == Refuted && j.Objective == "" })
}

// MissedObjectives lists the claims that are service-level objectives, were asked,
// and that the stored runs do not show to be kept.
func (s *Store) MissedObjectives(experiments []string) []string {
	return s.claims(experiments, func(j judged) bool { return j.Objective != "" && j.ruling != Supported && j.ruling != NotAsked })
}

func (s *Store) claims(experiments []string, which func(judged) bool) []string {
	var out []string
	for _, name := range experiments {
		r := s.Lookup(name)
		if r == nil {
			continue
		}
		for _, c := range r.Run.Experiment.Claims {
			j := r.judge(c)
			switch {
			case !which(j):
			case c.Objective != "":
				verdict := "missed"
				if j.ruling == Undecided {
					verdict = "not shown to be kept"
				}
				out = append(out, fmt.Sprintf("%s: %s: %s, %s", name, c.Objective, verdict, j.evidence))
			default:
				out = append(out, fmt.Sprintf("%s: %s: %s is not %s", name, c.Claim, j.evidence, bound(c)))
			}
		}
	}
	return out
}

// Rulings counts the claims by what the runs say of them.
func (o *overview) Rulings() string {
	n := make(map[Ruling]int)
	for _, r := range o.store.Results {
		for _, c := range r.Run.Experiment.Claims {
			n[r.judge(c).ruling]++
		}
	}
	text := fmt.Sprintf("Of what was claimed before the runs %d claims are supported, %d refuted, %d undecided.",
		n[Supported], n[Refuted], n[Undecided])
	if n[NotAsked] > 0 {
		text += fmt.Sprintf(" %d more are for runs of scale deep, and were not asked.", n[NotAsked])
	}
	return text
}
