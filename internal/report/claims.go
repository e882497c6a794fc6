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
// lies on one side of the bound; without an interval it is not judged.
const (
	Supported Ruling = "supported"
	Refuted   Ruling = "refuted"
	Undecided Ruling = "undecided"
	NotJudged Ruling = "not judged" // too few blocks, or the run is of a smaller scale than the claim
)

// judged is a claim with its evidence.
type judged struct {
	record.Claim
	ruling Ruling
	what   string // the figure that it is about, in words
	bound  string // in its unit

	// found is the figure with interval, unit and the words given, or why there is
	// none; then, in parentheses, how many blocks it is from where no interval says
	// so, and the note.
	found func(words, note string) string
}

// say has a claim found to be no figure but a text.
func (j *judged) say(text string) {
	j.found = func(_, note string) string { return strings.TrimSuffix(text+" ("+note+")", " ()") }
}

func (j judged) evidence() string { return j.found("", "") }

// judge holds a claim against the blocks: the metric of its cell, divided
// block by block by that of another cell or by theory.
func (r *Result) judge(c record.Claim) judged {
	j := judged{Claim: c, ruling: NotJudged, what: "objective", bound: bound(c, 1, "")}
	if c.Objective != "" {
		return r.judgeObjective(j)
	}
	m, err := r.measure(c.Metric, record.KindScalar)
	if err != nil {
		j.say("(" + table.Text(err.Error()) + ")")
		return j
	}
	j.what = m.words()
	s, err := r.evidence(c)
	most := max(-s.Lo, s.Hi)
	if err != nil {
		most = 1
	}
	unit, scale := m.units(most)
	switch {
	case len(c.Over) > 0:
		j.what, unit, scale = j.what+" ratio", "", 1
	case c.Theory != "":
		j.what, unit, scale = j.what+" ÷ theory", "", 1
	}
	j.bound = bound(c, scale, unit)
	if err != nil {
		j.say("(" + table.Text(err.Error()) + ")")
		return j
	}
	j.found = func(words, note string) string {
		return inSentence(scaled(s, scale), unit, strings.TrimRight(m.mark()+" "+words, " "), note, bounds(c, scale)...)
	}
	if j.ruling = rule(c, s); j.ruling != NotJudged && c.AtMost != nil && *c.AtMost == 0 && len(c.Over) == 0 {
		r.judgeNothing(&j, scale, unit)
	}
	if r.early(c) {
		j.ruling = NotJudged
	}
	return j
}

// rule says on which side of the bound the whole interval lies.
func rule(c record.Claim, s stats.Summary) Ruling {
	switch {
	case s.Kind != stats.Interval:
		return NotJudged
	case c.AtLeast != nil && s.Lo >= *c.AtLeast, c.AtMost != nil && s.Hi <= *c.AtMost:
		return Supported
	case c.AtLeast != nil && s.Hi < *c.AtLeast, c.AtMost != nil && s.Lo > *c.AtMost:
		return Refuted
	}
	return Undecided
}

// early reports whether a claim is for runs of a larger scale than this one.
func (r *Result) early(c record.Claim) bool { return c.Scale != "" && c.Scale != r.Run.Scale }

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
	var lines []string
	for _, c := range e.Run.Experiment.Claims {
		lines = append(lines, e.judge(c).line("`"+table.Text(compared(c))+"`"))
	}
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") +
		"\n\nSupported or refuted: the whole interval of the per-block values lies on one side of what is claimed; " +
		"a claim of nothing (≤ 0) is held against every block. " +
		"Not judged: fewer than six blocks, or a claim for runs of a larger scale."
}

// line is a claim with what was found, and a word of where that comes from.
func (j judged) line(from string) string {
	found := sentence(j.what + " " + j.evidence() + "; claimed " + j.bound)
	return fmt.Sprintf("- **%s**: %s %s (%s)", j.ruling, table.Text(j.Claim.Claim), found, from)
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
		parts = append(parts, knob+"="+legible(v[knob]))
	}
	return strings.Join(parts, ",")
}

func bound(c record.Claim, scale float64, unit string) string {
	sign, at := "≤", c.AtMost
	switch {
	case c.Objective != "":
		return table.Text(c.Objective)
	case c.AtLeast != nil:
		sign, at = "≥", c.AtLeast
	}
	return strings.TrimSpace(fmt.Sprintf("%s %g %s", sign, digits(*at*scale), unit))
}

// bounds are the numbers on one side of which the interval must lie.
func bounds(c record.Claim, scale float64) (out []float64) {
	for _, b := range []*float64{c.AtLeast, c.AtMost} {
		if b != nil {
			out = append(out, *b*scale)
		}
	}
	return out
}

// RefutedClaims lists the claims of the named experiments that their stored
// runs refute, as "experiment: claim".
func (s *Store) RefutedClaims(experiments []string) []string {
	return s.claims(experiments, func(j judged) bool { return j.ruling == Refuted && j.Objective == "" })
}

// MissedObjectives lists the claims that are service-level objectives, were asked,
// and that the stored runs do not show to be kept.
func (s *Store) MissedObjectives(experiments []string) []string {
	return s.claims(experiments, func(j judged) bool { return j.Objective != "" && j.ruling != Supported && j.ruling != NotJudged })
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
				out = append(out, fmt.Sprintf("%s: %s: %s, %s", name, c.Objective, verdict, j.evidence()))
			default:
				out = append(out, fmt.Sprintf("%s: %s: %s is not %s", name, c.Claim, j.evidence(), j.bound))
			}
		}
	}
	return out
}

// Rulings counts the claims by what the runs say of them.
func (o *overview) Rulings() string {
	n := make(map[Ruling]int)
	var all int
	for _, r := range o.store.Results {
		for _, c := range r.Run.Experiment.Claims {
			n[r.judge(c).ruling]++
			all++
		}
	}
	if all == 0 {
		return "No claims were written before the runs, so nothing is judged: what was measured stands below."
	}
	return fmt.Sprintf("Of %s that were written before the runs %d are supported, %d refuted, %d undecided, and %d not judged, "+
		"since fewer than six blocks measured them or they are for runs of a larger scale.",
		plural(int64(all), "claim"), n[Supported], n[Refuted], n[Undecided], n[NotJudged])
}

// Claims lists what was claimed of a system and is not supported: what is refuted
// first. What is supported is counted, and stands on the pages of the experiments.
func (p *part) Claims() string {
	lines := make(map[Ruling][]string)
	var all int
	for _, r := range p.results {
		for _, c := range r.Run.Experiment.Claims {
			j := r.judge(c)
			lines[j.ruling] = append(lines[j.ruling], j.line(r.link()))
			all++
		}
	}
	if all == 0 {
		return ""
	}
	text := fmt.Sprintf("%d of %s are supported; they stand on the pages below.", len(lines[Supported]), plural(int64(all), "claim"))
	if rest := slices.Concat(lines[Refuted], lines[Undecided], lines[NotJudged]); len(rest) > 0 {
		text += " The others:\n\n" + strings.Join(rest, "\n")
	}
	return text
}
