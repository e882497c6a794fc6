package report_test

import (
	"strings"
	"testing"

	"dyno/internal/record"
)

// What is held against nothing is marked wherever it is shown, and counted;
// what has a second road, or is calculated, is not.
func TestRoads(t *testing.T) {
	run, trials := lbRun(), lbTrials()
	for i := range run.Metrics {
		switch run.Metrics[i].Name {
		case "response":
			run.Metrics[i].Road = record.Road{Law: "the raw spans"}
		case "theory_rps":
			run.Metrics[i].Road = record.Road{Law: "calculated, not measured"}
		}
	}
	run.Experiment.Figures = run.Experiment.Figures[:2] // throughput, and a percentile of response
	dir := t.TempDir()
	store(t, dir, run, trials)
	files := build(t, load(t, dir))
	text := string(files["results/README.md"]) + string(files["results/lb-policies/README.md"])
	for _, want := range []string{
		"| throughput (req/s) † | response mean (ms) | response p99 (ms) | jain † |",
		"**lookaside**: 2 of 5 figures are held against something else; not cross-checked: `throughput_rps`, `jain`, `requests`.",
		"- the raw spans: `response`",
		"- calculated, not measured: `theory_rps`",
	} {
		if !strings.Contains(flat(text), want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	if n := strings.Count(text, "† not cross-checked"); n != 2 { // the table's, and one caption's
		t.Errorf("%d notes, want 2", n)
	}
}

// flat makes one space of many, as tables are padded.
func flat(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == ' ' }), " ")
}
