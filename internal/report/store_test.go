package report_test

import (
	"bytes"
	"encoding/json"
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

	// A line that is torn but not the last one is no crash: somebody edited. The
	// rest can be drawn.
	lines := bytes.SplitAfter(text, []byte("\n"))
	lines[4] = append(lines[4][:50:50], '\n')
	write(t, path, bytes.Join(lines, nil))
	s = load(t, dir)
	if len(s.Broken) != 1 || !strings.Contains(s.Broken[0], "trials.jsonl:5: held a sealed trial") || len(s.Lookup("lb-policies").Trials) != 39 {
		t.Errorf("a torn line 5: %q", s.Broken)
	}
	out = string(build(t, s, sections()...)["REPORT.md"])
	if want := "**The seal is broken:** results/lb-policies/trials.jsonl:5:"; !strings.Contains(out, want) {
		t.Errorf("the report does not say %q", want)
	}
}

// What is stored beside the run's own trials is named and counted, and drawn
// only when that is asked for: those of another build where this one has none.
func TestOtherTrialsAreKeptAside(t *testing.T) {
	dir := t.TempDir()
	trials := lbTrials()
	trials[0].Binary = "an older one" // this build has no other in its place
	again := trials[4]                // cell 5 of block 1, which this build has
	again.ID, again.Binary, again.Observation = "x.2", "an older one", nil
	again.Error = "it failed"
	long := trials[5]
	long.ID, long.Length = "x.3", 60
	failed := trials[5]
	failed.ID, failed.Observation, failed.Error = "x.0", nil, "it did not start"
	store(t, dir, lbRun(), append([]record.Trial{failed}, append(trials, again, long)...))
	r := load(t, dir).Lookup("lb-policies")
	want := []string{"2 of another build: not drawn", "1 of another plan", "1 that proved nothing, measured again since"}
	for i := range want {
		if len(r.Aside) != len(want) || !strings.HasPrefix(r.Aside[i], want[i]) {
			t.Fatalf("aside %q, want %q", r.Aside, want)
		}
	}
	if len(r.Trials) != 39 || r.Unfinished() != "39 of 40 planned trials" {
		t.Errorf("%d trials, %s", len(r.Trials), r.Unfinished())
	}
	s, err := report.Load(dir, true)
	if err != nil {
		t.Fatal(err)
	}
	r = s.Lookup("lb-policies")
	if len(r.Trials) != 40 || r.Unfinished() != "" || !strings.HasPrefix(r.Aside[0], "1 of another build: drawn with the others") {
		t.Errorf("mixed: %d trials, aside %q", len(r.Trials), r.Aside)
	}
	if out := string(build(t, s)["results/README.md"]); !strings.Contains(out, "**Kept aside:** lb-policies: 1 of another build: drawn") {
		t.Error("the report does not say that builds are mixed")
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
		_, err := report.Load(dir, false)
		if err == nil || !strings.Contains(err.Error(), "trials.jsonl:3: trial") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one at line 3 with %q", err, c.want)
		}
	}
}

func TestBrokenRunFiles(t *testing.T) {
	for want, text := range map[string]string{
		"run.json: unexpected end": `{"experiment": {`,
		`describes experiment "x"`: `{"experiment": {"name": "x"}}`,
		"cell 2 stands in place 1": `{"experiment": {"name": "lb-policies"}, "cells": [{"index": 2}], "sealed": {"seal": "x"}}`,
	} {
		dir := synthetic(t)
		write(t, filepath.Join(dir, "results/lb-policies/run.json"), []byte(text))
		if _, err := report.Load(dir, false); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "run.json") {
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
		const future = `{"of_the_future": [1, {"a": 2}], `
		if name == "run.json" {
			write(t, path, append([]byte(future), text[1:]...))
			continue
		}
		var out []byte
		head := record.NewHead("lb-policies")
		for line := range bytes.Lines(text) {
			object, _, _ := bytes.Cut(line, []byte(`,"prev":`))
			line, head = head.Append(append([]byte(future), append(object[1:], '}')...))
			out = append(out, line...)
		}
		write(t, path, out)
		sealed(t, filepath.Join(dir, "results/lb-policies/run.json"), head)
	}
	if got := build(t, load(t, dir), sections()...); !bytes.Equal(got["REPORT.md"], want["REPORT.md"]) {
		t.Error("a field that nobody knows changed the report")
	}
}

// sealed puts another head into a run.json.
func sealed(t *testing.T, path string, head record.Head) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var run record.Run
	if err := json.Unmarshal(text, &run); err != nil {
		t.Fatal(err)
	}
	run.Sealed = head
	if text, err = run.Text(); err != nil {
		t.Fatal(err)
	}
	write(t, path, text)
}

func TestLinesAreBounded(t *testing.T) {
	dir := synthetic(t)
	path := filepath.Join(dir, "results/lb-policies/trials.jsonl")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, append(append(bytes.Repeat([]byte(" "), 17<<20), '\n'), text...))
	if s := load(t, dir); len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "trials.jsonl:1: a line of") || len(s.Lookup("lb-policies").Trials) != 40 {
		t.Errorf("warnings %q", s.Warnings)
	}
}

// Results of before there were seals are not guessed at.
func TestUnsealed(t *testing.T) {
	dir := synthetic(t)
	write(t, filepath.Join(dir, "results/lb-policies/run.json"), []byte(`{"experiment": {"name": "lb-policies"}}`))
	if _, err := report.Load(dir, false); err == nil || !strings.Contains(err.Error(), "results/lb-policies: not sealed: stored by a version") {
		t.Error(err)
	}
}
