package report

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"dyno/internal/record"
	"dyno/internal/stats"
)

// Rows is a result as a table for programs of others: a row a trial. A field is a
// string, a float64, or nil where the trial has no such figure.
type Rows struct {
	Columns []string
	Text    int // how many columns at the beginning hold strings
	Rows    [][]any
}

// identity are the columns that say which trial it is and what its check said.
var identity = []string{"experiment", "system", "trial", "block", "cell", "verdict", "flags", "started", "commit"}

// Rows lists the trials in the order of their cells. Knobs come by their names;
// figures by the names of their metrics, in the metric's unit, of histograms
// NAME.mean, NAME.p50 and so on in milliseconds. A trial that is not valid has a
// row with its verdict, and no figure. Trials of controls are left out.
func (r *Result) Rows() Rows {
	var knobs []string
	for _, k := range r.Run.KnobUnits {
		knobs = append(knobs, k.Name)
	}
	all := columns(r.Run.Metrics)
	out := Rows{Columns: slices.Concat(identity, knobs), Text: len(identity) + len(knobs)}
	for _, c := range all {
		out.Columns = append(out.Columns, c.metric)
	}
	trials := slices.Clone(r.Trials)
	slices.SortStableFunc(trials, func(a, b *record.Trial) int {
		return cmp.Or(cmp.Compare(a.Cell, b.Cell), cmp.Compare(a.Block, b.Block))
	})
	for _, t := range trials {
		out.Rows = append(out.Rows, r.row(t, knobs, all))
	}
	return out
}

func (r *Result) row(t *record.Trial, knobs []string, all []column) []any {
	var flags []string
	if t.Observation != nil {
		for _, f := range t.Observation.Flags {
			flags = append(flags, f.Name)
		}
	}
	row := []any{
		t.Experiment, t.System, t.ID, strconv.Itoa(t.Block), strconv.Itoa(t.Cell), string(t.Status()), strings.Join(flags, " "),
		t.Started.UTC().Format("2006-01-02T15:04:05.000Z"), r.Run.Environment.Commit,
	}
	for _, k := range knobs {
		row = append(row, t.Values[k])
	}
	for _, c := range all {
		if v, ok := stats.Value(t, c.metric); ok {
			row = append(row, v)
			continue
		}
		row = append(row, nil)
	}
	return row
}
