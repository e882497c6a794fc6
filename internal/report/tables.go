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

// table renders a table of an experiment: a row per combination of levels that
// was planned, a column per metric, then what a reader must know of the row's
// trials.
func (e *Experiment) table(t record.Table) (string, error) {
	fail := func(err error) (string, error) {
		return "", fmt.Errorf("experiment %s, table %s: %w", e.Name(), t.Name, err)
	}
	header, columns, err := e.heads(t)
	if err != nil {
		return fail(err)
	}
	v, err := e.view(t.Rows, t.Where)
	if err != nil {
		return fail(err)
	}
	rows := v.rows()
	said := slices.ContainsFunc(rows, func(c *cell) bool { return remarks(c.trials) != "" })
	if header = append(header, "valid trials"); said {
		header = append(header, "remarks")
	}
	out := table.New(header...)
	var shown []stats.Summary
	for _, c := range rows {
		var cells []string
		for _, knob := range t.Rows {
			cells = append(cells, table.Text(legible(c.Values[knob])))
		}
		for i, name := range t.Columns {
			s, err := c.number(name)
			if err != nil {
				cells = append(cells, "("+c.why(err)+")")
				continue
			}
			shown = append(shown, s)
			_, scale := columns[i].units(1)
			cells = append(cells, table.Number(scaled(s, scale)))
		}
		if cells = append(cells, fmt.Sprint(len(stats.Valid(c.trials)))); said {
			cells = append(cells, remarks(c.trials))
		}
		out.Add(cells...)
	}
	relative := slices.ContainsFunc(columns, func(m measure) bool { return m.per != "" })
	legend := e.legend(shown, relative)
	if slices.ContainsFunc(columns, measure.unroaded) {
		legend += " " + unroadedNote
	}
	return fmt.Sprintf("**%s**\n\n%s\n%s", table.Text(t.Title), out.Within(screen, len(t.Rows)), legend), nil
}

// heads are those of a table's columns, and the metrics of those that show one.
func (e *Experiment) heads(t record.Table) (header []string, columns []measure, err error) {
	for _, knob := range t.Rows {
		k, err := e.knob(knob)
		if err != nil {
			return nil, nil, err
		}
		header = append(header, withUnit(k.Name, k.Unit))
	}
	for _, name := range t.Columns {
		m, err := e.measure(name, record.KindScalar)
		if err != nil {
			return nil, nil, err
		}
		columns = append(columns, m)
		unit, _ := m.units(1)
		header = append(header, strings.TrimSpace(withUnit(m.words(), unit)+" "+m.mark()))
	}
	return header, columns, nil
}

// screen is how many columns of text a table may be wide.
const screen = 160

// legend says how to read a table's numbers.
func (e *Experiment) legend(shown []stats.Summary, relative bool) string {
	parts := []string{"Medians over blocks; means and percentiles of the pooled histograms."}
	if relative {
		parts = append(parts, "What is divided by a yardstick is the median of the ratios within each block.")
	}
	if level := confidence(shown); level != "" {
		parts = append(parts, "In brackets: "+level+" interval.")
	}
	if slices.ContainsFunc(shown, func(s stats.Summary) bool { return s.Kind == stats.Range }) {
		parts = append(parts, "In parentheses: range of the blocks.")
	}
	return strings.Join(append(parts, sentence(loop(e.Run.Experiment.Load))), " ")
}

// rows lists the cells of a view in the order of its levels, the last knob
// varying fastest.
func (v *view) rows() []*cell {
	var out []*cell
	var walk func(record.Values, int)
	walk = func(levels record.Values, i int) {
		if i == len(v.knobs) {
			if c := v.at(levels); c != nil {
				out = append(out, c)
			}
			return
		}
		for _, l := range v.levels[i] {
			levels[v.knobs[i]] = l
			walk(levels, i+1)
		}
	}
	walk(make(record.Values), 0)
	return out
}

// remarks names trials that do not count and quality flags of those that do.
func remarks(trials []*record.Trial) string {
	var parts []string
	t := count(trials)
	for _, n := range []struct {
		n    int
		what string
	}{{t.invalid, "invalid"}, {t.unknown, "unknown"}, {t.errors, "without a result"}} {
		if n.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n.n, n.what))
		}
	}
	if why := failed(trials); why != "" {
		parts = append(parts, table.Text(why))
	}
	flags := make(map[string]int)
	for _, tr := range stats.Valid(trials) {
		for _, name := range flagNames(tr) {
			flags[name]++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(flags)) {
		parts = append(parts, fmt.Sprintf("%s ×%d", table.Text(name), flags[name]))
	}
	return strings.Join(parts, "; ")
}

// failed is what the check of failures says of the first trial that it did not
// pass: the share that failed, and the first error.
func failed(trials []*record.Trial) string {
	for _, tr := range trials {
		if tr.Observation == nil {
			continue
		}
		for _, c := range tr.Observation.Verdict.Checks {
			if c.Name == record.CheckFailures && c.Status != record.Valid {
				return c.Detail
			}
		}
	}
	return ""
}

// flagNames lists the names of a trial's flags, each once.
func flagNames(t *record.Trial) []string {
	if t.Observation == nil {
		return nil
	}
	var out []string
	for _, f := range t.Observation.Flags {
		if !slices.Contains(out, f.Name) {
			out = append(out, f.Name)
		}
	}
	return out
}
