//go:build linux

package process_test

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
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

func TestNothingOutlivesAKilledDyno(t *testing.T) {
	outer := dyno(t, "toy", "nest")
	outer.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
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
	var pids []int
	for f := range strings.FieldsSeq(line) {
		pids = append(pids, atoi(t, f))
	}
	if len(pids) != 3 {
		t.Fatalf("the nested dyno printed %q, want three process ids", line)
	}
	eventually(t, "the second is stopped", func() bool { return state(pids[1]) == "T" })
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
		eventually(t, "the children of the killed dyno are gone", func() bool { return gone(pid) })
	}
}

func TestLifeline(t *testing.T) {
	cmd := dyno(t, "toy", "worker")
	cmd.Env = append(os.Environ(), "DYNO_LIFELINE=0")
	line, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := line.Close(); err != nil {
		t.Fatal(err)
	}
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
