package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const controlFile = `name: echo-broken
title: A control
question: Is it found out?
system: echo
load: {loop: closed}
core:
  - clients: [4]
scales:
  quick: {blocks: 1, length: 300ms, warmup: 20ms}
  full: {blocks: 1, length: 100ms, warmup: 20ms}
  deep: {blocks: 1, length: 100ms, warmup: 20ms}
controls:
  - {name: altered, broken: A bit is wrong., knobs: {mutant: altered}, caught-by: CHECK}
`

// A control that is found out is a success, one that is not ends with exit code
// 1; either can be replayed.
func TestControls(t *testing.T) {
	t.Parallel()
	for check, want := range map[string]struct {
		code        int
		out, report string
	}{
		"payload": {0, "1 of them controls, broken on purpose: 1 caught, 0 missed", "1 of 1 trial was caught"},
		"numbers": {1, "1 of them controls, broken on purpose: 0 caught, 1 missed", "0 of 1 trial"},
	} {
		dir := t.TempDir()
		file, out := filepath.Join(dir, "echo-broken.yaml"), filepath.Join(dir, "out")
		if err := os.WriteFile(file, []byte(strings.Replace(controlFile, "CHECK", check, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		bare := check == "payload" // once is enough
		code, stdout, errOut := dyno(t, "run", file, "--scale", "quick", "--out", out, fmt.Sprint("--yardsticks=", bare))
		proven(t, stdout)
		if code != want.code || !strings.Contains(stdout, "2 trials: 1 valid, 0 invalid") || !strings.Contains(stdout, want.out) {
			t.Errorf("%s: exit %d\n%s\n%s", check, code, stdout, errOut)
		}
		text, err := os.ReadFile(filepath.Join(out, "results", "echo-broken", "README.md"))
		if err != nil || !strings.Contains(string(text), want.report) || strings.Contains(string(text), "grpc_cpu_us") != bare {
			t.Errorf("%s: %v; the report lacks %q, or the yardsticks", check, err, want.report)
		}
		if code, _, errOut := dyno(t, "report", "--check", "--out", out); code != 0 {
			t.Errorf("%s: report --check: exit %d, %s", check, code, errOut)
		}
		if code, stdout, errOut := dyno(t, "replay", "echo-broken-b01-c002", "--out", out); code != want.code || !strings.Contains(stdout, "now:    invalid") {
			t.Errorf("%s: replay: exit %d, %s %s", check, code, stdout, errOut)
		}
	}
}
