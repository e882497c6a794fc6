package report_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dyno/internal/record"
	"dyno/internal/report"
)

func TestLoad(t *testing.T) {
	s := load(t, synthetic(t))
	if len(s.Results) != 2 || s.Results[0].Run.Experiment.Name != "echo-cost" || s.Results[1].Run.Experiment.Name != "lb-policies" {
		t.Fatalf("results: %+v", s.Results)
	}
	if n := len(s.Results[1].Trials); n != 40 {
		t.Errorf("%d trials, want 40", n)
	}
	if len(s.Warnings) != 0 {
		t.Errorf("warnings: %v", s.Warnings)
	}
	if s.Lookup("lb-policies") == nil || s.Lookup("nothing") != nil {
		t.Error("Lookup finds the wrong things")
	}
	if s.Lookup("lb-policies").Unfinished() != "" || s.Lookup("echo-cost").Unfinished() != "3 of 4 planned trials" {
		t.Error("the wrong run is unfinished")
	}
}

func TestLoadNothing(t *testing.T) {
	if s := load(t, t.TempDir()); len(s.Results) != 0 {
		t.Errorf("results: %v", s.Results)
	}
}

func TestOtherFoldersAreLeftOut(t *testing.T) {
	dir := synthetic(t)
	for _, path := range []string{"results/raw/lb-policies-b01-c001/client.log", "results/half/trials.jsonl"} {
		full := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, full, nil)
	}
	s := load(t, dir)
	if len(s.Results) != 2 || len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "results/half has no run.json") {
		t.Errorf("%d results, warnings %q", len(s.Results), s.Warnings)
	}
}

func TestTornLastLineIsAWarning(t *testing.T) {
	dir := synthetic(t)
	path := filepath.Join(dir, "results/lb-policies/trials.jsonl")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, text[:len(text)-100])
	s := load(t, dir)
	if n := len(s.Lookup("lb-policies").Trials); n != 39 {
		t.Errorf("%d trials, want 39", n)
	}
	if len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "results/lb-policies/trials.jsonl:40") {
		t.Errorf("warnings: %q", s.Warnings)
	}
	out := string(build(t, s, sections()...)["REPORT.md"])
	for _, want := range []string{"**Left out:** results/lb-policies/trials.jsonl:40", "**Unfinished:** lb-policies was cut short after 39 of 40"} {
		if !strings.Contains(out, want) {
			t.Errorf("the report does not say %q", want)
		}
	}

	// A line that is torn but not the last one is no crash: somebody edited.
	lines := bytes.SplitAfter(text, []byte("\n"))
	lines[4] = append(lines[4][:50:50], '\n')
	write(t, path, bytes.Join(lines, nil))
	if _, err := report.Load(dir); err == nil || !strings.Contains(err.Error(), "trials.jsonl:5: ") {
		t.Errorf("a torn line 5: %v", err)
	}
}

func TestCompleteLastLineWithoutNewlineCounts(t *testing.T) {
	dir := synthetic(t)
	path := filepath.Join(dir, "results/lb-policies/trials.jsonl")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, bytes.TrimRight(text, "\n"))
	if s := load(t, dir); len(s.Lookup("lb-policies").Trials) != 40 || len(s.Warnings) != 0 {
		t.Errorf("warnings %q", s.Warnings)
	}
}

func TestTrialsThatContradict(t *testing.T) {
	for _, c := range []struct {
		want   string
		change func(*record.Trial)
	}{
		{`belongs to experiment "other"`, func(t *record.Trial) { t.Experiment = "other" }},
		{"has no id", func(t *record.Trial) { t.ID = "" }},
		{"lb-policies-b01-c001 was given in line 1 already", func(t *record.Trial) { t.ID = "lb-policies-b01-c001" }},
		{"block 1, cell 1 was given in line 1 already", func(t *record.Trial) { t.Cell, t.Values = 1, cellsOf()[0] }},
		{"cell 9: the experiment has cells 1 to 8", func(t *record.Trial) { t.Cell = 9 }},
		{"cell 0", func(t *record.Trial) { t.Cell = 0 }},
		{"block 0", func(t *record.Trial) { t.Block = 0 }},
		{`cell 3 has policy=round_robin, the trial "least_load"`, func(t *record.Trial) { t.Values = cellsOf()[4] }},
		{"and not both", func(t *record.Trial) { t.Error = "did not start" }},
		{"and not both", func(t *record.Trial) { t.Observation = nil }},
		{"is not among the system's metrics", func(t *record.Trial) { t.Observation.Set("speed", 1) }},
		{"the verdict says valid, its checks say invalid", func(t *record.Trial) {
			t.Observation.Verdict = record.Verdict{Status: record.Valid, Checks: []record.Check{record.Fail("answers", 1, "wrong")}}
		}},
		{"has no verdict", func(t *record.Trial) { t.Observation.Verdict = record.Verdict{} }},
		{"sent 7", func(t *record.Trial) { t.Observation.Counts.Sent = 7 }},
	} {
		dir := t.TempDir()
		store(t, dir, lbRun(), edit(lbTrials(), 2, c.change))
		_, err := report.Load(dir)
		if err == nil || !strings.Contains(err.Error(), "trials.jsonl:3: trial") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one at line 3 with %q", err, c.want)
		}
	}
}

func TestBrokenRunFiles(t *testing.T) {
	for want, text := range map[string]string{
		"run.json: unexpected end":                `{"experiment": {`,
		`describes experiment "x"`:                `{"experiment": {"name": "x"}}`,
		"sweep 1 has no cells, or more than 1000": `{"experiment": {"name": "lb-policies", "core": [[{"knob": "a", "levels": []}]]}}`,
	} {
		dir := synthetic(t)
		write(t, filepath.Join(dir, "results/lb-policies/run.json"), []byte(text))
		if _, err := report.Load(dir); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "run.json") {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

func TestUnknownFieldsAreIgnored(t *testing.T) {
	dir := synthetic(t)
	want := wholeReport(t)
	for _, name := range []string{"run.json", "trials.jsonl"} {
		path := filepath.Join(dir, "results/lb-policies", name)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var out []byte
		for line := range bytes.Lines(text) {
			out = append(out, `{"of_the_future": [1, {"a": 2}], `...)
			out = append(out, line[1:]...)
		}
		write(t, path, out)
	}
	if got := build(t, load(t, dir), sections()...); !bytes.Equal(got["REPORT.md"], want["REPORT.md"]) {
		t.Error("a field that nobody knows changed the report")
	}
}

func TestLinesAreBounded(t *testing.T) {
	dir := synthetic(t)
	long := append(bytes.Repeat([]byte(" "), 17<<20), '\n')
	write(t, filepath.Join(dir, "results/lb-policies/trials.jsonl"), long)
	if _, err := report.Load(dir); err == nil || !strings.Contains(err.Error(), "trials.jsonl:1: a line of") {
		t.Errorf("error %v", err)
	}
}
