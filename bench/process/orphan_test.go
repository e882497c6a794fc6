//go:build linux

package process_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dyno/bench/process"
	"dyno/systems"
)

// dyno starts the test binary as dyno, without a group.
func dyno(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, args...)
	cmd.Stderr = os.Stderr
	cmd.WaitDelay = time.Second // what it starts must not hold the test by its pipes
	return cmd
}

// nested starts a command that starts processes of its own, and returns their
// ids once they run.
func nested(t *testing.T, args ...string) (outer *exec.Cmd, pids []int) {
	t.Helper()
	outer = dyno(t, args...)
	out, err := outer.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := outer.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	for f := range strings.FieldsSeq(line) {
		pids = append(pids, atoi(t, f))
	}
	return outer, pids
}

// killOuter kills a nested dyno and waits for its processes to go.
func killOuter(t *testing.T, outer *exec.Cmd, pids []int) {
	t.Helper()
	for _, pid := range pids {
		if gone(pid) {
			t.Errorf("pid %d is gone before its time", pid)
		}
	}
	if err := outer.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = outer.Wait() // killed, as we know
	for _, pid := range pids {
		eventually(t, "the processes of the killed dyno are gone", func() bool { return gone(pid) })
	}
}

func TestNothingOutlivesAKilledDyno(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	outer, pids := nested(t, "toy", "nest")
	if len(pids) != 3 {
		t.Fatalf("the nested dyno started %v, want three processes", pids)
	}
	eventually(t, "the second is stopped", func() bool { return state(pids[1]) == "T" })
	killOuter(t, outer, pids)
}

// This is the kernel's doing alone: the process does not read its lifeline,
// nor is it stopped.
func TestKernelKillsTheProcessesOfAKilledDyno(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	script := filepath.Join(t.TempDir(), "deaf")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nexec sleep 60\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	outer, pids := nested(t, "toy", "deaf", script)
	killOuter(t, outer, pids)
}

// becomes lets another program go on in its place.
func becomes(context.Context, systems.Shell) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	return process.Become(exe, []string{"toy", "worker"})
}

func TestLifeline(t *testing.T) {
	t.Run("worker", func(t *testing.T) { lifeline(t, "worker") })
	t.Run("becomes a worker", func(t *testing.T) { lifeline(t, "becomes") })
}

func lifeline(t *testing.T, role string) {
	t.Helper()
	cmd := dyno(t, "toy", role)
	cmd.Env = append(os.Environ(), "DYNO_LIFELINE=0")
	line, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the worker is there", func() bool {
		words, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", cmd.Process.Pid))
		return bytes.Contains(words, []byte("worker"))
	})
	time.Sleep(100 * time.Millisecond) // a worker that takes its lifeline for cut has noticed by then
	if gone(cmd.Process.Pid) {
		t.Error("the lifeline is not cut, but the process has ended")
	}
	if err := line.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the worker has ended", func() bool { return gone(cmd.Process.Pid) })
	var status *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &status) || status.ExitCode() != 1 {
		t.Errorf("the lifeline is cut, but the process ended with %v", err)
	}
}

func TestNoLifelineNoAdoption(t *testing.T) {
	cmd := dyno(t, "toy", "show")
	cmd.Stdin = strings.NewReader("typed")
	out, err := cmd.Output()
	if err != nil || !strings.Contains(string(out), `stdin "typed"`) {
		t.Errorf("a command typed by a person lost its input: %q, %v", out, err)
	}
}
