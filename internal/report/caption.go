package report

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"dyno/internal/record"
	"dyno/internal/stats"
	"dyno/internal/table"
)

// caption says what stands behind a figure: metric, blocks, intervals, load
// model, and what is missing.
func (d *drawing) caption() string {
	what := d.y.of.Help
	if clause := strings.Index(what, "; of an open loop"); clause >= 0 && d.Run.Experiment.Load.Loop == "closed" {
		what = what[:clause]
	}
	if y, ok := record.Yardstick(d.y.per); ok {
		what += "; divided by the yardstick " + y.Name + " of the same block (" + y.Help + ")"
	}
	parts := []string{sentence(d.y.words() + unitOf(d) + ": " + table.Text(what))}
	parts = append(parts, d.behind()...)
	if len(d.single) > 0 {
		parts = append(parts, sentence("one trial each: "+table.Text(strings.Join(d.single, "; "))))
	}
	if d.f.Theory != "" {
		rim := ""
		if d.f.Kind == "lines" && len(d.view.of(d.f.Series)) > 1 {
			rim = " in a rim of the series' colour"
		}
		parts = append(parts, sentence("black dashes"+rim+": theory (`"+d.f.Theory+"`), where it has a formula"))
	}
	parts = append(parts, sentence(loop(d.Run.Experiment.Load)))
	if d.y.unroaded() {
		parts = append(parts, unroadedNote)
	}
	if n := d.unchecked(); n > 0 {
		parts = append(parts, sentence("**unchecked**: nobody compared the answers of "+plural(n, "trial")))
	}
	if len(d.missing) > 0 {
		parts = append(parts, sentence("without a value: "+table.Text(strings.Join(d.missing, "; "))))
	}
	return strings.Join(parts, " ")
}

// behind says what the numbers are taken from, and what intervals are shown.
func (d *drawing) behind() []string {
	if len(d.shown) == 0 {
		return nil
	}
	return []string{sentence(basis(d.y, d.kind.Of, d.shown)), sentence(whiskers(d.y, d.shown))}
}

// note says on the page, in plain text, what the caption says of a figure's own
// quantile and what is not so of another that a reader chose.
func (d *drawing) note(own string) string {
	parts := append([]string{"Title and text around it are of " + own + "."}, d.behind()...)
	if len(d.missing) > 0 {
		parts = append(parts, sentence("without a value: "+strings.Join(d.missing, "; ")))
	}
	return strings.Join(parts, " ")
}

// unchecked counts the trials behind a figure whose answers nobody compared.
func (d *drawing) unchecked() (n int64) {
	for _, c := range d.view.rows() {
		for _, t := range stats.Valid(c.trials) {
			if slices.Contains(flagNames(t), record.Unchecked) {
				n++
			}
		}
	}
	return n
}

func unitOf(d *drawing) string {
	switch {
	case d.f.YFormat == percent:
		return " in %"
	case d.y.unit != "":
		return " in " + d.y.unit
	}
	return ""
}

// sentence begins with a capital and ends with a full stop.
func sentence(s string) string {
	_, n := utf8.DecodeRuneInString(s)
	return strings.ToUpper(s[:n]) + ended(s[n:])
}

// ended ends with a full stop.
func ended(s string) string { return strings.TrimRight(s, ". ") + "." }

// basis says what the numbers are taken from.
func basis(y measure, of record.Kind, shown []stats.Summary) string {
	blocks := spread(shown, func(s stats.Summary) int64 { return int64(s.N) }, "block")
	switch {
	case y.per != "":
		return "median of the ratios in " + blocks
	case y.stat == "":
		if of == record.KindVector {
			return "median of " + blocks + " for each member"
		}
		return "median of " + blocks
	default:
		samples := spread(shown, func(s stats.Summary) int64 { return s.Samples }, "sample")
		return y.stat + " of the pooled " + samples + " of " + blocks
	}
}

// whiskers says what intervals are shown.
func whiskers(y measure, shown []stats.Summary) string {
	of := "of the median"
	if y.stat != "" && y.per == "" {
		of = "of the blocks' own " + y.stat
	}
	var parts []string
	if level := confidence(shown); level != "" {
		parts = append(parts, "whiskers with caps: "+level+" interval "+of)
	}
	if slices.ContainsFunc(shown, func(s stats.Summary) bool { return s.Kind == stats.Range }) {
		parts = append(parts, "whiskers without caps: range "+strings.Replace(of, "median", "blocks", 1))
	}
	if len(parts) == 0 {
		return "no whiskers: a single block has no spread"
	}
	if slices.ContainsFunc(shown, func(s stats.Summary) bool { return s.N == 1 }) {
		parts = append(parts, "none: a single block")
	}
	return strings.Join(parts, "; ")
}

// confidence is the level that the intervals among the summaries reach; empty
// when there is none.
func confidence(shown []stats.Summary) string {
	lo, hi := 1.0, 0.0
	for _, s := range shown {
		if s.Kind == stats.Interval {
			lo, hi = min(lo, s.Confidence), max(hi, s.Confidence)
		}
	}
	switch {
	case hi == 0:
		return ""
	case fmt.Sprintf("%.1f", 100*lo) == fmt.Sprintf("%.1f", 100*hi):
		return fmt.Sprintf("%.1f %%", 100*lo)
	}
	return fmt.Sprintf("%.1f to %.1f %%", 100*lo, 100*hi)
}

// spread writes the least and the greatest of a count: "2 to 6 blocks".
func spread(shown []stats.Summary, count func(stats.Summary) int64, noun string) string {
	lo, hi := count(shown[0]), count(shown[0])
	for _, s := range shown {
		lo, hi = min(lo, count(s)), max(hi, count(s))
	}
	if lo == hi {
		return plural(lo, noun)
	}
	return fmt.Sprintf("%d to %s", lo, plural(hi, noun))
}

func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// loop names the load model; what it means stands at the top of the report.
func loop(l record.Load) string {
	if l.Loop == "swept" {
		return "load model: as the swept knobs say"
	}
	if l.Loop == "search" {
		return fmt.Sprintf("search for the highest rate with p99 below %v", l.P99Below)
	}
	return l.Loop + " loop"
}

// loadModel says in words how load was offered.
func loadModel(l record.Load) string {
	switch l.Loop {
	case "closed":
		return loop(l) + ": each client sends its next operation when the last one is answered"
	case "open":
		return loop(l) + ": operations are offered at a rate, answered or not; latency runs from the intended start"
	case "search":
		return fmt.Sprintf("%s, from %g to %g req/s with a precision of %g %%: open loops (latency from the intended start), at most %d",
			loop(l), l.From, l.To, 100*l.Precision, l.Probes)
	}
	return loop(l)
}
