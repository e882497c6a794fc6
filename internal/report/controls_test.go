package report_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"dyno/internal/record"
	"dyno/internal/report"
)

// controlled is the synthetic run with a control in each block. Its figures
// are such that they would be seen wherever they were shown.
func controlled() (record.Run, []record.Trial) {
	run, trials := lbRun(), lbTrials()
	run.Experiment.Controls = []record.Control{{
		Name: "liar", Broken: "A server lies about one answer.", CaughtBy: "answers",
		Where: record.Values{"policy": "round_robin", "clients": "10"}, Knobs: record.Values{"report-interval": "7s"},
	}}
	for b := 1; b <= len(drift); b++ {
		obs := &record.Observation{Counts: record.Counts{Offered: 1, Sent: 1, Failed: 1}, Verdict: record.Judge(record.Pass("counts", 1), record.Fail("answers", 9, "1 of 9 is a lie"))}
		obs.Set("throughput_rps", 987654)
		obs.Flag("liars-flag", "seen")
		trials = append(trials, record.Trial{
			ID: fmt.Sprintf("lb-policies-b%02d-c009", b), Experiment: "lb-policies", Block: b, Cell: 9, Control: "liar",
			Seed: uint64(b), Warmup: 1, Length: 5,
			Values: record.Values{"policy": "round_robin", "clients": "10", "report-interval": "7s", "service-time": "20ms"}, Observation: obs,
		})
	}
	report.LayOut(&run, 6, 2, record.Values{"report-interval": "100ms", "clients": "100"})
	return run, trials
}

// controlText is the generic text of a run with a control, after a change; no
// figure is drawn.
func controlText(t *testing.T, change func([]record.Trial)) string {
	t.Helper()
	run, trials := controlled()
	run.Experiment.Figures = nil
	trials = slices.Clone(trials)
	change(trials)
	dir := t.TempDir()
	store(t, dir, run, trials)
	return prose(build(t, load(t, dir)))
}

func controlReport(t *testing.T) report.Files {
	t.Helper()
	run, trials := controlled()
	dir := t.TempDir()
	store(t, dir, run, trials)
	return build(t, load(t, dir), sections()...)
}

// Controls are told of in their own section, and change nothing else: no plot,
// no export, no table, no count.
func TestControlsAreKeptApart(t *testing.T) {
	with := controlReport(t)
	dir := t.TempDir()
	store(t, dir, lbRun(), lbTrials())
	without := build(t, load(t, dir), sections()...)
	planned := func(text []byte) string { // the command that measures again counts controls, too
		return strings.Replace(string(text), "46 trials", "40 trials", 1)
	}
	for path, content := range without {
		if path != "report.html" && !strings.HasSuffix(path, "README.md") && string(content) != planned(with[path]) {
			t.Errorf("%s differs", path)
		}
	}
	text := string(with["results/README.md"])
	for _, want := range []string{"6 of 6 trials were caught", "A server lies about one answer.", "1 of 9 is a lie", "clients=10,policy=round_robin", "6 of 6 valid"} {
		if !strings.Contains(text, want) || !strings.Contains(string(with["results/lb-policies/README.md"]), want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	head, tail, ok := strings.Cut(text, "## The checks can fail")
	_, tail, also := strings.Cut(tail, "## Quality flags")
	if !ok || !also || head+"## Quality flags"+tail != string(without["results/README.md"]) {
		t.Error("the rest differs")
	}
	page := planned(with["results/lb-policies/README.md"])
	head, tail, ok = strings.Cut(page, "Negative controls")
	_, tail, also = strings.Cut(tail, "Quality flags:")
	if !ok || !also || head+"Quality flags:"+tail != string(without["results/lb-policies/README.md"]) {
		t.Error("the rest of the experiment's page differs")
	}
}

// The page lists them, with how they ended and without a figure.
func TestControlsOnThePage(t *testing.T) {
	run, trials := controlled()
	run.Experiment.Figures = nil
	trials[len(trials)-1].Observation.Verdict = record.Judge(record.Pass("answers", 1))
	dir := t.TempDir()
	store(t, dir, run, trials)
	e := onPage(t, build(t, load(t, dir))["report.html"])["lb-policies"]
	if len(e.Cells) != 9 || e.Cells[8] != "control liar" {
		t.Errorf("the cells are %q", e.Cells)
	}
	listed := make(map[string]string)
	for _, row := range e.Trials[len(e.Trials)-6:] {
		listed[row.Status] = strings.Join(row.Why, "; ")
		if row.Cell != 9 || len(row.Values) != len(e.Columns) || slices.ContainsFunc(row.Values, func(v *float64) bool { return v != nil }) {
			t.Errorf("a control is listed as %+v", row)
		}
	}
	if len(e.Trials) != 46 || len(listed) != 2 || listed["caught"] != "answers is invalid: 1 of 9 is a lie" || listed["missed"] != "answers should have caught it" {
		t.Errorf("%d trials; controls %q", len(e.Trials), listed)
	}
}

// A control that is not found out is said to be missed, however it ended.
func TestMissedControls(t *testing.T) {
	for want, change := range map[string]func(*record.Trial){
		"**missed** in lb-policies-b03-c009: valid; unbroken":                      func(t *record.Trial) { t.Observation.Verdict = record.Judge(record.Pass("answers", 1)) },
		"**missed** in lb-policies-b03-c009: unknown: answers is unknown: perhaps": func(t *record.Trial) { t.Observation.Verdict = record.Judge(record.Doubt("answers", 1, "perhaps")) },
		"**missed** in lb-policies-b03-c009: invalid: counts is invalid: for another reason": func(t *record.Trial) {
			t.Observation.Verdict = record.Judge(record.Fail("counts", 1, "for another reason"))
		},
		"**missed** in lb-policies-b03-c009: no result: it did not start": func(t *record.Trial) { t.Observation, t.Error = nil, "it did not start" },
	} {
		text := controlText(t, func(trials []record.Trial) { change(&trials[len(trials)-4]) })
		flat := strings.Join(strings.Fields(text), " ")
		if !strings.Contains(flat, want) || !strings.Contains(flat, "5 of 6 trials were caught") || !strings.Contains(flat, "5 of 6 trials; **missed**") {
			i := strings.Index(flat, "The checks can fail")
			t.Errorf("want %q in %s", want, flat[i:min(len(flat), i+1500)])
		}
	}
}

// A broken system's figures must not get in by another name, nor a whole one's
// pass for a control: what fits no cell is kept aside.
func TestControlsThatContradict(t *testing.T) {
	for name, change := range map[string]func(*record.Trial){
		"no control":      func(t *record.Trial) { t.Control = "" },
		"another control": func(t *record.Trial) { t.Control = "truth" },
		"whole":           func(t *record.Trial) { t.Values = cellsOf()[2] },
		"another block":   func(t *record.Trial) { t.Block = 5 },
	} {
		run, trials := controlled()
		change(&trials[len(trials)-1])
		dir := t.TempDir()
		store(t, dir, run, trials)
		r := load(t, dir).Lookup("lb-policies")
		if len(r.Trials) != 40 || len(r.Aside) != 1 || !strings.HasPrefix(r.Aside[0], "1 of another plan") || r.Unfinished() == "" {
			t.Errorf("%s: %d trials, aside: %q", name, len(r.Trials), r.Aside)
		}
	}
	run, trials := controlled()
	trials[len(trials)-1].Observation.Verdict = record.Verdict{}
	dir := t.TempDir()
	store(t, dir, run, trials)
	if _, err := report.Load(dir, false); err == nil || !strings.Contains(err.Error(), "has no verdict") {
		t.Errorf("%v, want has no verdict", err)
	}
}
