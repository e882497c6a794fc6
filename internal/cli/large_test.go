package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"dyno/internal/record"
)

const (
	manyBlocks = 1000 // of manyFile's ten cells
	manyFile   = `name: echo-many
title: Many trials
question: Does the frame hold with ten thousand trials?
system: echo
load: {loop: closed}
core:
  - {clients: [1, 2, 3, 4, 5], payload: [16, 64]}
scales:
  full: {blocks: 1, length: 100ms, warmup: 10ms}
  deep: {blocks: 1, length: 100ms, warmup: 10ms}
figures:
  - {name: throughput, title: Throughput, kind: bars, x: clients, y: throughput_rps, series: payload}
  - {name: p99, title: The slowest of 100, kind: lines, x: clients, y: response.p99, series: payload}
tables:
  - {name: overview, title: Overview, rows: [clients, payload], columns: [throughput_rps, response.mean, response.p50, response.p99]}
claims:
  - {name: smaller, claim: Less is faster., metric: throughput_rps, where: {clients: 4, payload: 16}, over: {clients: 4, payload: 64}, at-least: 0.9}
`
)

// many stores ten thousand trials: a block that was measured, over and over, but
// for the last few lines.
func many(b *testing.B, missing int) (file, out string) {
	b.Helper()
	dir := b.TempDir()
	file, out = filepath.Join(dir, "echo-many.yaml"), filepath.Join(dir, "out")
	check := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	check(os.WriteFile(file, []byte(manyFile), 0o600))
	exe, err := os.Executable()
	check(err)
	args := []string{"run", file, "--out", out, "--yardsticks=false", "--blocks"}
	check(exec.Command(exe, append(args, "1")...).Run())
	// Interrupted at once, it has laid out all blocks and said what their seeds are.
	cut := exec.Command(exe, append(args, fmt.Sprint(manyBlocks))...)
	cut.Stderr = writer(func(text []byte) {
		if bytes.Contains(text, []byte("] block ")) {
			_ = cut.Process.Signal(syscall.SIGINT)
		}
	})
	if err := cut.Run(); err == nil {
		b.Fatal("it ran to its end")
	}
	folder := filepath.Join(out, "results", "echo-many")
	text, err := os.ReadFile(filepath.Join(folder, "run.json"))
	check(err)
	var run record.Run
	check(json.Unmarshal(text, &run))
	text, err = os.ReadFile(filepath.Join(folder, "trials.jsonl"))
	check(err)
	var trials []string
	for line := range strings.Lines(string(text)) {
		if object, _, _ := strings.Cut(line, `,"prev":`); strings.Contains(object, `"block":1,`) {
			trials = append(trials, object)
		}
	}
	var all []byte
	run.Sealed = record.NewHead("echo-many")
	for block, seed := range run.Seeds {
		again := strings.NewReplacer(`"id":"echo-many-b01-`, fmt.Sprintf(`"id":"b%d-`, block), `"block":1,`, fmt.Sprintf(`"block":%d,`, block+1),
			fmt.Sprintf(`"seed":%d,`, run.Seeds[0]), fmt.Sprintf(`"seed":%d,`, seed))
		for _, object := range trials[:min(len(trials), len(trials)*len(run.Seeds)-missing-run.Sealed.Trials)] {
			var line []byte
			line, run.Sealed = run.Sealed.Append([]byte(again.Replace(object) + "}"))
			all = append(all, line...)
		}
	}
	check(os.WriteFile(filepath.Join(folder, "trials.jsonl"), all, 0o600))
	text, err = run.Text()
	check(err)
	check(os.WriteFile(filepath.Join(folder, "run.json"), text, 0o600))
	return file, out
}

type writer func([]byte)

func (w writer) Write(text []byte) (int, error) { w(text); return len(text), nil }

// measure runs dyno and reports what it took; until, if not empty, ends the time
// at the first line that says so.
func measure(b *testing.B, until string, args ...string) (said string) {
	b.Helper()
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	// What this process held at most would count as the other's.
	debug.FreeOSMemory()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(exe, args...)
	var lines bytes.Buffer
	began := time.Now()
	var took time.Duration
	cmd.Stderr = writer(func(text []byte) {
		if lines.Write(text); took == 0 && until != "" && strings.Contains(lines.String(), until) {
			took = time.Since(began)
		}
	})
	if out, err := cmd.Output(); err != nil {
		b.Fatalf("%v: %v\n%s\n%s", args, err, out, lines.String())
	}
	if took == 0 {
		took = time.Since(began)
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	b.ReportMetric(took.Seconds(), "s")
	b.ReportMetric((cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), "cpu-s")
	b.ReportMetric(float64(usage.Maxrss)/1024, "MiB")
	b.ReportMetric(0, "ns/op")
	return lines.String()
}

// What ten thousand stored trials cost to draw.
//
//	go test ./internal/cli -run '^$' -bench TenThousand -benchtime 1x -count 5
func BenchmarkTenThousandReported(b *testing.B) {
	_, out := many(b, 0)
	for b.Loop() {
		measure(b, "", "report", "--out", out)
	}
}

// What it costs to find that all but three of ten thousand trials are stored: the
// time until that is said. CPU time and memory are those of the whole run, with the
// three trials and the report.
func BenchmarkTenThousandFound(b *testing.B) {
	const missing = 3
	file, out := many(b, missing)
	for b.Loop() {
		said := measure(b, "are stored: reused", "run", file, "--out", out, "--yardsticks=false", "--blocks", fmt.Sprint(manyBlocks))
		lines := slices.DeleteFunc(strings.Split(said, "\n"), func(l string) bool { return !strings.HasPrefix(l, "[") })
		b.ReportMetric(float64(len(lines)-missing), "lines")
	}
}
