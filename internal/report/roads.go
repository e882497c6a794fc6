package report

import (
	"fmt"
	"slices"
	"strings"

	"dyno/internal/record"
	"dyno/internal/table"
)

// unroaded marks a figure that nothing but the code that reports it knows.
const unroaded = "†"

const unroadedNote = unroaded + " not cross-checked: this figure is held against nothing but itself."

// unroaded says whether a metric has no second road. One that is calculated
// needs none, and says so itself.
func (m measure) unroaded() bool { return m.of.Road.Law == "" }

// Roads says for every system what its figures are held against, and which are
// held against nothing.
func (o *overview) Roads() string {
	var lines []string
	for _, system := range o.systems() {
		metrics := o.metrics(system)
		var laws []string
		by := make(map[string][]string)
		for _, m := range metrics {
			if m.Road.Law != "" && !slices.Contains(laws, m.Road.Law) {
				laws = append(laws, m.Road.Law)
			}
			by[m.Road.Law] = append(by[m.Road.Law], "`"+m.Name+"`")
		}
		bare := by[""]
		line := fmt.Sprintf("- **%s**: %d of %d figures are held against something else", system, len(metrics)-len(bare), len(metrics))
		if len(bare) > 0 {
			line += "; not cross-checked: " + strings.Join(bare, ", ")
		}
		lines = append(lines, line+".")
		for _, law := range laws {
			lines = append(lines, "  - "+table.Text(law)+": "+strings.Join(by[law], ", "))
		}
	}
	return strings.Join(lines, "\n")
}

// systems lists those with results, in the order of their names.
func (o *overview) systems() (out []string) {
	for _, r := range o.store.Results {
		if s := r.Run.Experiment.System; !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	slices.Sort(out)
	return out
}

// metrics are those that a system declared when it was measured last.
func (o *overview) metrics(system string) []record.Metric {
	var newest *record.Run
	for _, r := range o.store.Results {
		if run := &r.Run; run.Experiment.System == system && (newest == nil || run.Started.After(newest.Started)) {
			newest = run
		}
	}
	return newest.Metrics
}
