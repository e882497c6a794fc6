package compare

import (
	"fmt"
	"strings"

	"dyno/internal/table"
)

// String is the result for a reader: a table in Markdown, what it rests on, and
// a last line that says what was found.
func (r *Result) String() string {
	var b strings.Builder
	for i, rows := range r.byExperiment() {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s\n\n", rows[0].Experiment)
		t := table.New("metric", "cell", "old", "new", "unit", "change (%)", "verdict", "n")
		for _, row := range rows {
			t.Add(row.Metric, row.Cell, median(row.Old), median(row.New), row.Unit, table.Number(row.change), string(row.Verdict),
				fmt.Sprint(row.Pairs))
		}
		b.WriteString(t.String())
	}
	if len(r.Rows) > 0 {
		b.WriteByte('\n')
	}
	r.basis(&b)
	fmt.Fprintln(&b, r.Words)
	return b.String()
}

// byExperiment splits the rows, which stand in order.
func (r *Result) byExperiment() [][]*Row {
	var out [][]*Row
	for i, row := range r.Rows {
		if i == 0 || row.Experiment != r.Rows[i-1].Experiment {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], row)
	}
	return out
}

// basis says what the table rests on.
func (r *Result) basis(b *strings.Builder) {
	fmt.Fprintf(b, "change: median of new/old over n pairs of trials, less 1; [ ] its interval (95 %% or more), ( to ) the range below %d "+
		"pairs\n", LeastPairs)
	if r.Tests > 0 {
		fmt.Fprintf(b, "judged: %s, a change counts beyond %.3g %%; if nothing is worse by more, the chance of a false alarm is %.2g %% at "+
			"most\n",
			counted(r.Tests, "row"), r.ThresholdPct, 100*r.FalseAlarm)
	}
	for _, side := range Sides {
		t := r.Trials[side]
		fmt.Fprintf(b, "%s: %d valid, %d invalid, %d unknown, %d without an observation\n",
			counted(t.Valid+t.Invalid+t.Unknown+t.Errors, side+" trial"), t.Valid, t.Invalid, t.Unknown, t.Errors)
	}
	for _, f := range r.Failures {
		also := ""
		if f.OtherToo {
			also = " (the other binary too)"
		}
		fmt.Fprintf(b, "%s in %s, %s%s: %s\n", counted(f.Trials, f.Side+" "+f.Kind+" trial"), f.Experiment, f.Cell, also,
			strings.Join(f.Reasons, "; "))
	}
	for _, n := range r.Notes {
		fmt.Fprintf(b, "note: %s\n", n)
	}
}

func median(l *Level) string {
	if l == nil {
		return ""
	}
	return table.Value(l.Median)
}
