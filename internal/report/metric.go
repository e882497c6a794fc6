package report

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"dyno/internal/record"
	"dyno/internal/stats"
	"dyno/internal/table"
)

// measure is a metric as figures, tables and templates name it: a scalar, a
// vector, or NAME.p99 and NAME.mean of a histogram.
type measure struct {
	name string // as it was named
	of   record.Metric
	per  string // the yardstick it is divided by; empty for none
	stat string // "p99" or "mean"; empty for scalars and vectors
	unit string // as it is shown; empty for pure numbers
}

// measure finds a metric of the wanted kind by name.
func (r *Result) measure(name string, want record.Kind) (measure, error) {
	m := measure{name: name}
	if base, yardstick, ok := record.Per(name); ok {
		return r.relative(base, yardstick, want)
	}
	base := name
	if h, _, ok := record.Quantile(name); ok {
		base, m.stat = h, name[len(h)+1:]
	}
	var allowed []string
	for _, of := range r.Run.Metrics {
		histogram := want == record.KindScalar && of.Kind == record.KindHistogram
		if of.Name == base && (m.stat == "" && of.Kind == want || m.stat != "" && histogram) {
			m.of, m.unit = of, of.Unit
			if histogram {
				m.unit = "ms"
			}
			if m.unit == "1" {
				m.unit = ""
			}
			return m, nil
		}
		switch {
		case of.Kind == want:
			allowed = append(allowed, of.Name)
		case histogram:
			allowed = append(allowed, of.Name+".mean", of.Name+".p50", of.Name+".p99")
		}
	}
	return m, fmt.Errorf("experiment %s: metric %q is not one of %s", r.Run.Experiment.Name, name, strings.Join(allowed, ", "))
}

// relative is a metric divided by a yardstick.
func (r *Result) relative(base, yardstick string, want record.Kind) (measure, error) {
	m, err := r.measure(base, want)
	if err != nil {
		return m, err
	}
	y, ok := record.Yardstick(yardstick)
	if !ok || want != record.KindScalar {
		return m, fmt.Errorf("experiment %s: %q is no yardstick for a %s", r.Run.Experiment.Name, yardstick, want)
	}
	if err := y.Relate(m.of); err != nil {
		return m, fmt.Errorf("experiment %s: %w", r.Run.Experiment.Name, err)
	}
	m.name, m.per, m.unit = base+" per "+yardstick, yardstick, ""
	return m, nil
}

// share reports whether the metric is a part of a whole, which text shows in %.
func (m measure) share() bool {
	return m.per == "" && m.of.Unit == "1" && (strings.HasSuffix(m.of.Name, "_share") || strings.HasPrefix(m.of.Help, "share of "))
}

// mark is † behind a figure that nothing else vouches for.
func (m measure) mark() string {
	if m.unroaded() {
		return unroaded
	}
	return ""
}

// units are the unit in which text shows a value that is nowhere beyond most, and
// how many of them are one of the metric's own: a share is shown in %.
func (m measure) units(most float64) (unit string, scale float64) {
	switch {
	case m.share():
		return "%", 100
	case m.unit == "s" && most < 1:
		return "ms", 1000
	}
	return m.unit, 1
}

// text writes a level in a sentence, with its unit and mark.
func (m measure) text(s stats.Summary) string {
	unit, scale := m.units(max(-s.Lo, s.Hi))
	return inSentence(scaled(s, scale), unit, m.mark(), "")
}

func scaled(s stats.Summary, by float64) stats.Summary {
	s.Center, s.Lo, s.Hi = s.Center*by, s.Lo*by, s.Hi*by
	return s
}

// inSentence writes a number where no head of a column explains it: what has no
// interval says how many blocks it is from. A note joins these words in their
// parentheses.
func inSentence(s stats.Summary, unit, mark, note string, bounds ...float64) string {
	number := table.Number(s, bounds...)
	var notes []string
	switch {
	case s.Kind == stats.Interval && s.Same, s.Kind == stats.Range && s.Lo == s.Hi:
		number, notes = table.Value(s.Center), []string{fmt.Sprintf("all %d blocks", s.N)}
	case s.N == 1:
		notes = []string{"one block"}
	case s.Kind == stats.Alone:
		notes = []string{"no interval"}
	}
	if note != "" {
		notes = append(notes, note)
	}
	text := strings.TrimSpace(number+" "+unit) + mark
	if len(notes) > 0 {
		text += " (" + strings.Join(notes, "; ") + ")"
	}
	return text
}

// unitWords are endings of names that only repeat the unit.
var unitWords = map[string]string{"rps": "req/s", "ops": "op/s", "tps": "tx/s", "bytes": "B", "pct": "%", "us": "µs", "mb": "MB"}

// words is the metric's name in plain words: "throughput_rps" in req/s is
// "throughput", "cpu_us_per_request" in µs "CPU per request", and "mb_per_s" in
// MB/s, which is nothing but its unit, "rate".
func (m measure) words() string {
	parts := strings.Split(m.of.Name, "_")
	if m.of.Words != "" {
		parts = []string{m.of.Words}
	}
	if strings.Contains(m.of.Unit, "/") && m.of.Name == strings.ToLower(strings.ReplaceAll(m.of.Unit, "/", "_per_")) {
		parts = []string{"rate"}
	}
	repeats := func(part string) bool { return part == m.of.Unit || unitWords[part] == m.of.Unit }
	parts = append(parts[:1], slices.DeleteFunc(parts[1:], repeats)...)
	for i, part := range parts {
		parts[i] = cmp.Or(map[string]string{"cpu": "CPU"}[part], part)
	}
	if m.stat != "" {
		parts = append(parts, m.stat)
	}
	if m.per != "" {
		parts = append(parts, "/", m.per)
	}
	return strings.Join(parts, " ")
}

// label is how the metric is called on an axis or at the head of a column.
func (m measure) label() string { return withUnit(m.words(), m.unit) }

// withUnit leaves out a unit that says nothing: none, 1, or the name itself.
func withUnit(name, unit string) string {
	if unit == "" || unit == "1" || unit == name {
		return name
	}
	return name + " (" + unit + ")"
}

// why says in a few words why a cell has no number.
func (c *cell) why(err error) string {
	var few *stats.TooFew
	switch {
	case errors.As(err, &few):
		return few.Error()
	case errors.Is(err, stats.ErrNoYardstick):
		return err.Error()
	case c.left():
		return "not part of this run"
	case len(c.trials) == 0:
		return "not measured"
	case len(stats.Valid(c.trials)) == 0:
		return "no valid trial"
	}
	return "not reported by the trials"
}
