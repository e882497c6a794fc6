package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/grpc"

	"dyno/experiments"
	"dyno/internal/cli"
	"dyno/internal/record"
	"dyno/internal/rpc"
	"dyno/systems/all/whole"
	"dyno/systems/systemtest"
)

func TestMain(m *testing.M) {
	whole.Link()
	systemtest.Main(m, cli.Main)
}

// dyno runs a command line in this process.
func dyno(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	code = cli.Main(t.Context(), args, strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

// A mistake is answered in one line that names the word, and the nearest one.
func TestUsageErrors(t *testing.T) {
	for line, want := range map[string][]string{
		"rnu":                         {`"rnu"`, "did you mean run?"},
		"run --scal quick":            {"--scal", "did you mean --scale?"},
		"run --scale quik":            {`"quik"`, "did you mean quick?"},
		"run lb-polices":              {`"lb-polices"`, "did you mean lb-policies?"},
		"run none.yaml":               {"none.yaml", "no such file"},
		"run --blocks -1":             {"--blocks -1"},
		"run --blocks x":              {"--blocks", `"x"`},
		"lookaside demo --duration 5": {`"5" is not a duration with its unit, such as 5s`},
		"run --only policy":           {"--only", "KNOB=LEVEL"},
		"run lb-policies --only polcy=pick_first": {`"polcy"`, "did you mean policy?"},
		"run lb-policies --only policy=pik_first": {`"pik_first"`, "did you mean pick_first?"},
		"list --log-format jsn":                   {"did you mean json?"},
		"list now":                                {`"now"`},
		"report --chek":                           {"did you mean --check?"},
		"lookasid":                                {"did you mean lookaside?"},
		"lookaside dmo":                           {"did you mean demo?"},
		"lookaside demo --policy least_laod":      {`"least_laod"`, "did you mean least_load?"},
		"lookaside demo --servers 0":              {"--servers", "from 1 to"},
		"lookaside demo --kill s99@1s":            {"s99"},
		"lookaside demo --kill s1":                {"s1"},
		"lookaside demo extra":                    {`"extra"`},
		"replay x --hosts h.yaml":                 {"dyno replay runs on this machine only: leave out --hosts"},
		"check echo --hosts=h.yaml":               {"dyno check runs on this machine only"},
		"compare --hosts h.yaml a b":              {"dyno compare runs on this machine only"},
		"run --hosts none.yaml":                   {"none.yaml", "no such file"},
		"run --blocks 2.5":                        {`"2.5" is not a whole number such as 3`},
		"run --seed -1":                           {`"-1" is not a whole number such as 3, from 0 on`},
		"run --sets 3":                            {"--sets 3", "give the machines", "--hosts FILE"},
		"run --policy least_load":                 {"--policy is a knob of lookaside", "--only policy=LEVEL", "dyno init lookaside"},
		"run echo-mine.yaml":                      {"dyno init SYSTEM"},
		"report --out cli_test.go":                {"no results are stored in cli_test.go"},
		"check ./cli_test.go":                     {"is no bundle"},
		"check branchbank --junit .":              {"--junit .: it is a folder: name a file"},
		"check branchbank --markdown cli.go/x.md": {"--markdown cli.go/x.md", "not a directory"},
		"kit branchbank cli_test.go":              {"give a new folder"},
		"results none":                            {"none: there is no such folder", "--out"},
		"agent --listen 127.0.0.1:0":              {"--listen with --credentials"},
		"help nope":                               {`"nope"`, "dyno --help"},
		"help lookasid":                           {"did you mean lookaside?"},
		"help lookaside dmo":                      {"did you mean demo?"},
		"help run all":                            {`dyno run has no command "all"`},
		"completion bash x":                       {`dyno completion bash takes no argument, got "x"`},
		"mapreduce worker --master nope":          {`--master: "nope" is not HOST:PORT`},
		"mapreduce status --master nope":          {`--master: "nope" is not HOST:PORT`},
		"strife admin":                            {"which task? one of add-user"},
		"completion fihs":                         {"did you mean fish?"},
		"strife demo --soak -1s":                  {"--soak -1s", "positive"},
		"echo client --server nope":               {`--server: "nope" is not HOST:PORT`},
		"branchbank client --branches a:1,b":      {`--branches: "b" is not HOST:PORT`},
		"sessionbank client --at nope":            {`--at: "nope" is not HOST:PORT`},
		"lookaside demo --duration 1ns":           {"--duration: length 1ns: give 1ms to"},
		"deploy k8s --nodes 1 -- --out=x":         {"--out behind --", "the runner's pod knows its folder"},
	} {
		code, out, errOut := dyno(t, strings.Fields(line)...)
		if code != 2 {
			t.Errorf("dyno %s: exit %d, want 2 (%s)", line, code, errOut)
		}
		if out != "" || strings.Count(errOut, "\n") != 1 || !strings.HasPrefix(errOut, "dyno: ") || strings.Count(errOut, "dyno:") != 1 {
			t.Errorf("dyno %s: want one line on standard error that names the program once, got %q and %q", line, out, errOut)
		}
		for _, w := range want {
			if !strings.Contains(errOut, w) {
				t.Errorf("dyno %s: %q does not say %q", line, errOut, w)
			}
		}
	}
}

func TestListJSON(t *testing.T) {
	code, out, errOut := dyno(t, "list", "--json")
	if code != 0 || errOut != "" {
		t.Fatalf("exit %d: %s", code, errOut)
	}
	var l struct {
		Systems []struct {
			Name                   string
			Roles, Commands, Knobs []struct{ Name string }
		}
		Experiments []struct{ Name, System, Question string }
	}
	if err := json.Unmarshal([]byte(out), &l); err != nil {
		t.Fatal(err)
	}
	names := make(map[string]int)
	for _, s := range l.Systems {
		names[s.Name] = len(s.Roles) * len(s.Knobs)
	}
	if names["lookaside"] == 0 || names["echo"] == 0 {
		t.Errorf("systems with roles and knobs: %v", names)
	}
	if len(l.Experiments) == 0 || l.Experiments[0].Question == "" {
		t.Errorf("experiments %v", l.Experiments)
	}
	if code, out, _ := dyno(t, "list"); code != 0 || !strings.Contains(out, "lb-policies") {
		t.Errorf("dyno list: exit %d, %q", code, out)
	}
}

func TestDryRunStartsNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	code, out, errOut := dyno(t, "run", "lb-policies", "--scale", "quick", "--dry-run", "--out", dir)
	if code != 0 || !strings.Contains(out, "lb-policies at scale quick") || !strings.Contains(out, "policy=least_load clients=100") {
		t.Errorf("exit %d, %q, %q", code, out, errOut)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a dry run made the output folder")
	}
}

const echoFile = `name: echo-small
title: A small run
question: Does the frame hold with another system than the first?
system: echo
load: {loop: closed}
core:
  - clients: [1, 4]
scales:
  full: {blocks: 2, length: 100ms, warmup: 50ms}
  deep: {blocks: 2, length: 100ms, warmup: 50ms}
figures:
  - {name: throughput, title: Throughput over clients, kind: bars, x: clients, y: throughput_rps}
tables:
  - {name: overview, title: Overview, rows: [clients], columns: [throughput_rps, response.p50]}
`

// proven ends a test whose trials proved nothing, though each was measured
// three times: the machine is too busy. Wrong answers are for the test to judge.
func proven(t *testing.T, stdout string) {
	t.Helper()
	m := regexp.MustCompile(`, 0 invalid, ([1-9][0-9]*) unknown, 0 without`).FindStringSubmatch(stdout)
	if m != nil {
		t.Skipf("the machine is too busy: %s trials proved nothing", m[1])
	}
}

// The whole way with a user's own file: run, draw, check, and notice when what
// was drawn no longer matches what was measured.
// A level with commas is one level, alone and beside others.
func TestOnlyNamesLevelsWithCommas(t *testing.T) {
	const fast = "capacity=2,2,2,2,1,1,1,1,0.5,0.5,0.5,0.5"
	for want, only := range map[string][]string{
		"1 cells": {"--only", fast, "--only", "policy=least_load"},
		"2 cells": {"--only", fast},
		"4 cells": {"--only", fast, "--only", "capacity=0.2", "--only", "policy=least_load,round_robin"},
	} {
		code, out, errOut := dyno(t, append([]string{"run", "lb-uneven", "--dry-run"}, only...)...)
		if code != 0 || !strings.Contains(out, ": "+want+",") {
			t.Errorf("%v: exit %d, %q, %q; want %s", only, code, out, errOut, want)
		}
	}
	code, _, errOut := dyno(t, "run", "lb-uneven", "--dry-run", "--only", fast+",1")
	if code != 2 || !strings.Contains(errOut, "did you mean 2,2,2,2,1,1,1,1,0.5,0.5,0.5,0.5?") {
		t.Errorf("a level that is not there: exit %d, %q", code, errOut)
	}
}

// A failpoint or a fault is named as a file writes it, or by the words of reports.
func TestOnlyNamesFaults(t *testing.T) {
	for _, c := range [][3]string{
		{"2pc-crashes", "failpoint=gateway gateway.after-commit:300", "failpoint=gateway killed: after commit, passing 300"},
		{"2pc-crashes", "failpoint=", "failpoint=none"},
		{"branch-faults", "faults=kill b2@200ms..500ms", "faults=b2 killed at 200 ms, back at 500 ms"},
	} {
		code, written, errOut := dyno(t, "run", c[0], "--dry-run", "--only", c[1])
		if code != 0 || strings.Count(written, "\n  ") != strings.Count(written, c[1]) {
			t.Errorf("--only %q: exit %d, %q, %q", c[1], code, written, errOut)
		}
		if code, told, errOut := dyno(t, "run", c[0], "--dry-run", "--only", c[2]); code != 0 || told != written {
			t.Errorf("--only %q: exit %d, %q, %q; want what %q keeps, %q", c[2], code, told, errOut, c[1], written)
		}
	}
}

func TestRunUserFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, out := filepath.Join(dir, "echo-small.yaml"), filepath.Join(dir, "out")
	if err := os.WriteFile(file, []byte(echoFile), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, errOut := dyno(t, "run", file, "--out", out, "--yardsticks=false")
	proven(t, stdout)
	if code != 0 || !strings.Contains(stdout, "4 trials: 4 valid, 0 invalid") {
		t.Fatalf("exit %d\n%s\n%s", code, stdout, errOut)
	}
	if n := strings.Count(errOut, "  valid  "); n != 4 {
		t.Errorf("progress names %d valid trials, want 4:\n%s", n, errOut)
	}
	if strings.Contains(errOut, "\x1b") {
		t.Error("ANSI codes off a terminal")
	}
	for _, name := range []string{"results/echo-small/trials.jsonl", "results/echo-small/run.json", "results/echo-small.txt", "plots/echo-small-throughput.png", "REPORT.md", "report.html"} {
		if info, err := os.Stat(filepath.Join(out, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if code, _, errOut := dyno(t, "report", "--check", "--out", out); code != 0 {
		t.Errorf("a fresh report is stale: exit %d %s", code, errOut)
	}
	tamper(t, filepath.Join(out, "REPORT.md"))
	if code, _, errOut := dyno(t, "report", "--check", "--out", out); code != 1 || !strings.Contains(errOut, "REPORT.md") {
		t.Errorf("a changed report passes the check: exit %d %s", code, errOut)
	}
	if code, _, errOut := dyno(t, "report", "--out", out); code != 0 {
		t.Errorf("exit %d %s", code, errOut)
	}
	if code, _, _ := dyno(t, "report", "--check", "--out", out); code != 0 {
		t.Error("dyno report did not mend the report")
	}
}

func tamper(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(text, "and everything was fine\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
}

// --pprof keeps a CPU and a heap profile of every process.
func TestRunProfiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, out := filepath.Join(dir, "echo-small.yaml"), filepath.Join(dir, "out")
	if err := os.WriteFile(file, []byte(echoFile), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, errOut := dyno(t, "run", file, "--out", out, "--blocks", "1", "--only", "clients=4", "--pprof", "--yardsticks=false")
	proven(t, stdout)
	if code != 0 {
		t.Fatalf("exit %d %s", code, errOut)
	}
	for _, kind := range []string{"cpu", "heap"} {
		found, err := filepath.Glob(filepath.Join(out, "results/raw/*/*."+kind+".pprof"))
		if err != nil || len(found) != 2 {
			t.Errorf("%s profiles %q, %v; want those of client and server", kind, found, err)
		}
		for _, f := range found {
			if text, err := os.ReadFile(f); err != nil || !bytes.HasPrefix(text, []byte{0x1f, 0x8b}) {
				t.Errorf("%s is no profile: %v", f, err)
			}
		}
	}
}

// A folder that cannot be written is one line and exit 1, before any trial.
func TestUnwritableFolder(t *testing.T) {
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, errOut := dyno(t, "run", "lb-policies", "--out", filepath.Join(blocked, "x"))
	if code != 1 || strings.Count(errOut, "\n") != 1 || !strings.Contains(errOut, blocked) || !strings.Contains(errOut, "--out") {
		t.Errorf("exit %d %q", code, errOut)
	}
}

// An interrupted run ends with 130 and keeps what was finished.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var o, e bytes.Buffer
	dir := t.TempDir()
	code := cli.Main(ctx, []string{"run", "lb-policies", "--scale", "quick", "--out", dir}, strings.NewReader(""), &o, &e)
	if code != 130 || !strings.Contains(e.String(), "interrupted") {
		t.Errorf("exit %d %q", code, e.String())
	}
}

// What the seeds ask of a report stands under headings of its own.
func TestReportHeadings(t *testing.T) {
	text, err := os.ReadFile("../../REPORT.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, heading := range []string{
		"## lookaside", "### Services and RPCs", "### Assumptions", "### Scale test approach", "### Observations",
		"## mapreduce", "### Design decisions", "### Files and formats", "### A sample input and its output",
		"## byzantine", "### Effectiveness analysis",
		"## Checks", "## Machine and noise", "## Threats to validity", "## How to reproduce",
	} {
		if !strings.Contains(string(text), "\n"+heading+"\n") {
			t.Errorf("REPORT.md has no heading %q", heading)
		}
	}
	for _, name := range experiments.Names() {
		run, err := os.ReadFile("../../results/" + name + "/run.json")
		if err != nil {
			t.Fatal(err)
		}
		page, err := os.ReadFile("../../results/" + name + "/README.md")
		if err != nil {
			t.Fatal(err)
		}
		var stored record.Run
		if err := json.Unmarshal(run, &stored); err != nil {
			t.Fatal(err)
		}
		for _, c := range stored.Experiment.Claims {
			if !strings.Contains(string(page), c.Claim) {
				t.Errorf("results/%s/README.md does not show a claim: %s", name, c.Claim)
			}
			if !strings.Contains(string(page), "- **supported**: "+c.Claim) && !strings.Contains(string(text), c.Claim) {
				t.Errorf("REPORT.md does not show a claim of %s that is not supported: %s", name, c.Claim)
			}
		}
	}
}

// A folder without results is a mistake, not an empty report.
// What is left of results that cannot be drawn is named, with what to do.
func TestReportOfRemains(t *testing.T) {
	out := t.TempDir()
	folder := filepath.Join(out, "results", "mine")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(folder, "trials.jsonl"), "{}\n")
	if code, _, errOut := dyno(t, "report", "--out", out); code != 2 || !strings.Contains(errOut, "results/mine has no run.json: left out") {
		t.Errorf("without run.json: exit %d %s", code, errOut)
	}
	write(t, filepath.Join(folder, "run.json"), "garbage")
	if code, _, errOut := dyno(t, "report", "--out", out); code != 1 || !strings.Contains(errOut, "or move "+folder+" away") {
		t.Errorf("a run.json that is none: exit %d %s", code, errOut)
	}
}

func TestReportOfNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "nowhere")
	for _, args := range [][]string{{"report", "--out", dir}, {"report", "--check", "--out", dir}} {
		code, _, errOut := dyno(t, args...)
		if code != 2 || !strings.Contains(errOut, dir) || strings.Count(errOut, "\n") != 1 {
			t.Errorf("%q: exit %d %q", args, code, errOut)
		}
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the folder was made")
	}
}

// guide returns the experiment file in the guide that has a name.
func guide(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/experiment-files.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(text, -1) {
		if strings.HasPrefix(string(m[1]), "name: "+name) {
			return string(m[1])
		}
	}
	t.Fatalf("no experiment %s in the guide", name)
	return ""
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// The experiment file that the guide shows is one.
func TestGuideExperiment(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lb-mine.yaml")
	write(t, file, guide(t, "lb-mine"))
	if code, _, errOut := dyno(t, "run", file, "--dry-run"); code != 0 {
		t.Errorf("exit %d %s", code, errOut)
	}
}

// What the guide says of a service of one's own works as it stands there, but
// for the port and the length; without expect, every table and caption says
// that nobody looked at the answers.
func TestGuideOwnService(t *testing.T) {
	t.Parallel()
	addr := make(chan string, 1)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- rpc.Serve(ctx, rpc.Options{Ready: func(a string) { addr <- a }}, func(grpc.ServiceRegistrar) {})
	}()
	defer func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	text := strings.NewReplacer("127.0.0.1:50051", <-addr, "length: 5s, warmup: 1s", "length: 300ms, warmup: 50ms").Replace(guide(t, "my-service"))
	_, expect, _ := strings.Cut(text, "  expect:")
	expect, _, _ = strings.Cut(expect, "\n")
	for _, checked := range []bool{true, false} {
		if !checked {
			text = strings.Replace(text, "  expect:"+expect+"\n", "", 1)
		}
		dir := t.TempDir()
		file, out := filepath.Join(dir, "my-service.yaml"), filepath.Join(dir, "out")
		write(t, file, text)
		code, said, errOut := dyno(t, "run", file, "--scale", "full", "--blocks", "1", "--out", out, "--yardsticks=false")
		proven(t, said)
		if code != 0 || !strings.Contains(said, "3 valid") {
			t.Fatalf("exit %d %s", code, errOut)
		}
		md, err := os.ReadFile(filepath.Join(out, "REPORT.md"))
		if err != nil {
			t.Fatal(err)
		}
		_, section, _ := strings.Cut(string(md), "(`my-service`)")
		section, _, _ = strings.Cut(section, "\n## ")
		if n := strings.Count(section, "unchecked ×1"); (n == 3) == checked {
			t.Errorf("checked %v: %d rows of the table say unchecked", checked, n)
		}
		if strings.Contains(section, "**unchecked**: nobody compared the answers of 3 trials") == checked {
			t.Errorf("checked %v; the caption says otherwise: %s", checked, section)
		}
	}
}

// A figure that cannot be drawn, because several cells fit in one place, is
// refused before anything is measured.
func TestAmbiguousFigureIsRefused(t *testing.T) {
	rows := filepath.Join(t.TempDir(), "echo-small.yaml")
	write(t, rows, strings.Replace(echoFile, "rows: [clients]", "rows: []", 1))
	code, _, errOut := dyno(t, "run", rows, "--dry-run")
	if want := "table overview: 2 cells fit one place; they differ in clients; name them in rows"; code != 2 || !strings.Contains(errOut, want) {
		t.Errorf("a table without rows: exit %d %q", code, errOut)
	}
	dir := t.TempDir()
	file, out := filepath.Join(dir, "echo-small.yaml"), filepath.Join(dir, "out")
	text := strings.Replace(echoFile, "  - clients: [1, 4]", "  - {clients: [1, 4], payload: [16, 64]}", 1)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, errOut = dyno(t, "run", file, "--out", out)
	if code != 2 || strings.Count(errOut, "\n") != 1 || !strings.Contains(errOut, file+":") || !strings.Contains(errOut, "payload") {
		t.Errorf("exit %d %q", code, errOut)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("something was measured")
	}
}
