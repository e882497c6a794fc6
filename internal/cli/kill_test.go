package cli_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// marked lists the processes that inherited a marker in their environment.
func marked(t *testing.T, marker string) []int {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil || !bytes.Contains(text, []byte(marker)) {
			continue // gone meanwhile, or another's
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(f)))
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

// until polls a condition; only a bug makes it wait for long.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// kill -9 of dyno run leaves no process, and the next run continues.
func TestKillLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	file, out := filepath.Join(dir, "echo-small.yaml"), filepath.Join(dir, "out")
	if err := os.WriteFile(file, []byte(echoFile), 0o600); err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	marker := fmt.Sprintf("DYNO_TEST_MARKER=%d-%d", os.Getpid(), time.Now().UnixNano())
	cmd := exec.Command(exe, "run", file, "--out", out)
	cmd.Env = append(os.Environ(), marker)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	trials := filepath.Join(out, "results", "echo-small", "trials.jsonl")
	until(t, "a trial is stored and another runs", func() bool {
		text, err := os.ReadFile(trials)
		return err == nil && bytes.Contains(text, []byte("\n")) && len(marked(t, marker)) > 1
	})
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed: an error it is
	until(t, "every process is gone", func() bool { return len(marked(t, marker)) == 0 })
	before, err := os.ReadFile(trials)
	if err != nil {
		t.Fatal(err)
	}
	code, stdout, errOut := dyno(t, "run", file, "--out", out)
	if code != 0 {
		t.Fatalf("exit %d\n%s\n%s", code, stdout, errOut)
	}
	after, err := os.ReadFile(trials)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(after, []byte("\n")); n != 4 || !bytes.HasPrefix(after, before[:bytes.LastIndexByte(before, '\n')+1]) {
		t.Errorf("%d trials after the second run, or a finished one was lost or changed", n)
	}
}
