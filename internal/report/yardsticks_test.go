package report_test

import (
	"strings"
	"testing"

	"dyno/internal/record"
	"dyno/internal/report"
)

// measured is the synthetic run on a machine whose yardsticks drift as its
// rates do.
func measured() record.Run {
	run := lbRun()
	for i := range run.Blocks {
		y := &record.Yardsticks{Checked: 1000, Values: make(map[string]float64)}
		for k, m := range record.YardstickMetrics {
			y.Values[m.Name] = float64(100*(k+1)) * drift[i]
		}
		run.Blocks[i].Yardsticks = y
	}
	run.Experiment.Tables = append(run.Experiment.Tables, record.Table{
		Name: "relative", Title: "In echoes", Rows: []string{"policy", "clients"}, Columns: []string{"throughput_rps per tcp_rps", "response.p50 per grpc_p50_us"},
	})
	run.Experiment.Figures = append(run.Experiment.Figures, record.Figure{
		Name: "relative", Title: "In echoes", Kind: "bars", X: "clients", Y: "throughput_rps per tcp_rps", Series: "policy",
	})
	return run
}

const relativeTemplate = `{{with experiment "lb-policies"}}
{{.Setup}}
{{.Figure "relative"}}
{{.Table "relative"}}
Ratio {{.Value "throughput_rps per tcp_rps" "policy=round_robin" "clients=10"}}.
{{.Metrics}}
{{end}}`

// The set-up shows the yardsticks; a metric per yardstick does not drift.
func TestYardsticksAreShown(t *testing.T) {
	dir := t.TempDir()
	store(t, dir, measured(), lbTrials())
	text := string(build(t, load(t, dir), report.Section{System: "lookaside", Template: relativeTemplate})["REPORT.md"])
	for _, want := range []string{
		"all 6000 answers were compared",
		"req/s |   95 [70, 110] |", // median of 100 × drift
		"throughput / tcp_rps",
		"response p50 / grpc_p50_us",
		"divided by the yardstick tcp_rps of the same block",
		"Ratio 0.933", // 560 · 10/60 / 100, in every block
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

// Results of before there were yardsticks are drawn as they were, and say so
// where a ratio is asked for.
func TestRunWithoutYardsticks(t *testing.T) {
	dir := t.TempDir()
	run := measured()
	run.Blocks = lbRun().Blocks
	store(t, dir, run, lbTrials())
	text := string(build(t, load(t, dir), report.Section{System: "lookaside", Template: relativeTemplate})["REPORT.md"])
	if !strings.Contains(text, "(no block measured the yardstick)") || strings.Contains(text, "| yardstick |") {
		t.Error(text)
	}
}

func TestMistakesWithYardsticks(t *testing.T) {
	for column, want := range map[string]string{
		"throughput_rps per tcp_rsp":    "no yardstick",
		"throughput_rps per tcp_p50_us": "one unit",
		"jain per tcp_rps":              "one unit",
		"rate per tcp_rps":              "not one of",
	} {
		run := measured()
		run.Experiment.Tables[1].Columns[0] = column
		if err := report.Check(run); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", column, err, want)
		}
	}
	run := measured()
	run.Blocks[2].Yardsticks.Values[record.TCPRate] = 0
	dir := t.TempDir()
	store(t, dir, run, lbTrials())
	if _, err := report.Load(dir, false); err == nil || !strings.Contains(err.Error(), "block 3: yardstick tcp_rps is 0") {
		t.Errorf("a yardstick of 0: %v", err)
	}
}
