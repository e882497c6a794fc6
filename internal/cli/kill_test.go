package cli_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"dyno/internal/record"
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
	t.Parallel()
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
	cmd := exec.Command(exe, "run", file, "--out", out, "--yardsticks=false")
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
	code, stdout, errOut := dyno(t, "run", file, "--out", out, "--yardsticks=false")
	proven(t, stdout)
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

// A run that is interrupted at random moments, by Ctrl-C, by kill -9, by a second
// run in the same folder, and by a disk that is full, leaves no process, loses no
// finished trial, measures none twice, and what it leaves can be drawn.
// DYNO_INTERRUPTIONS says how often (make soak: 200).
func TestInterruptedOften(t *testing.T) {
	t.Parallel()
	times := 4
	if text := os.Getenv("DYNO_INTERRUPTIONS"); text != "" {
		var err error
		if times, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	file, out := filepath.Join(dir, "echo-small.yaml"), filepath.Join(dir, "out")
	if err := os.WriteFile(file, []byte(echoFile), 0o600); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	var finished []string
	trials := filepath.Join(out, "results", "echo-small", "trials.jsonl")
	for i := range times {
		after := time.Duration(rng.Int64N(int64(1500 * time.Millisecond)))
		args := []string{"run", file, "--out", out, "--blocks", "500", fmt.Sprint("--yardsticks=", i%8 > 3)}
		switch i % 4 {
		case 0:
			interrupt(t, syscall.SIGINT, after, args...)
		case 1:
			interrupt(t, syscall.SIGKILL, after, args...)
		case 2:
			twice(t, after, args...)
		case 3:
			fillDisk(t, after, rng.Int64N(2*size(trials)+4096), args...)
		}
		now := ids(t, trials)
		if code, _, errOut := dyno(t, "report", "--out", out); len(now) > 0 && code != 0 {
			t.Fatalf("after interruption %d: report: exit %d %s", i+1, code, errOut)
		}
		if len(now) < len(finished) || !slices.Equal(now[:len(finished)], finished) {
			t.Fatalf("after interruption %d: %d finished trials became %d", i+1, len(finished), len(now))
		}
		finished = now
	}
	once(t, trials)
	t.Logf("%d interruptions, %d finished trials", times, len(finished))
}

// once makes sure that no trial was measured again that had proved something.
func once(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	proved := make(map[string]bool)
	for line := range bytes.Lines(text) {
		tr := new(record.Trial)
		if json.Unmarshal(line, tr) != nil {
			continue // cut short
		}
		place := fmt.Sprint(tr.Block, " ", tr.Cell)
		if proved[place] {
			t.Errorf("%s was measured though it was there", tr.ID)
		}
		proved[place] = tr.Proved()
	}
}

func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// twice starts two runs in one folder at once. One of them is refused at the
// most: the other may have ended before.
func twice(t *testing.T, after time.Duration, args ...string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var runs [2]*exec.Cmd
	var said [2]bytes.Buffer
	for i := range runs {
		runs[i] = exec.Command(exe, args...)
		runs[i].Stderr = &said[i]
		if err := runs[i].Start(); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(after) // the moment is the point
	refused := 0
	for i, r := range runs {
		_ = r.Process.Signal(syscall.SIGINT) // it may have ended
		_ = r.Wait()
		if strings.Contains(said[i].String(), "another run writes here") {
			refused++
		} else if code := r.ProcessState.ExitCode(); code != 130 && code != -1 {
			t.Errorf("two at once: exit %d %s", code, said[i].String())
		}
	}
	if refused > 1 {
		t.Error("two at once: both were refused")
	}
}

// fillDisk runs dyno where no file can grow beyond a limit, so that a write ends
// in its midst.
func fillDisk(t *testing.T, after time.Duration, limit int64, args ...string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	marker := fmt.Sprintf("DYNO_TEST_MARKER=%d-%d", os.Getpid(), time.Now().UnixNano())
	const block = 512 // bytes, of ulimit
	cmd := exec.Command("sh", append([]string{"-c", fmt.Sprintf(`ulimit -f %d; exec "$@"`, limit/block), "sh", exe}, args...)...)
	cmd.Env = append(os.Environ(), marker)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after+time.Second, func() { _ = cmd.Process.Signal(syscall.SIGINT) })
	defer timer.Stop()
	_ = cmd.Wait()
	until(t, "every process is gone", func() bool { return len(marked(t, marker)) == 0 })
}

// interrupt starts dyno, ends it by a signal after a delay, and waits until
// every process that it started is gone.
func interrupt(t *testing.T, sig syscall.Signal, after time.Duration, args ...string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	marker := fmt.Sprintf("DYNO_TEST_MARKER=%d-%d", os.Getpid(), time.Now().UnixNano())
	cmd := exec.Command(exe, args...)
	cmd.Env = append(os.Environ(), marker)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(after) // the moment is the point; nothing is expected to be ready
	if err := cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	// Ctrl-C may come before dyno listens for it.
	if code := cmd.ProcessState.ExitCode(); sig == syscall.SIGINT && code != 130 && code != -1 {
		t.Errorf("interrupted after %v: exit %d, want 130", after, code)
	}
	until(t, "every process is gone", func() bool { return len(marked(t, marker)) == 0 })
}

// ids lists the whole lines of a file of trials; there may be no file yet.
func ids(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	var out []string
	for line := range bytes.Lines(text) {
		var trial struct{ ID string }
		if bytes.HasSuffix(line, []byte("\n")) {
			if err := json.Unmarshal(line, &trial); err != nil {
				t.Fatal(err)
			}
			out = append(out, trial.ID)
		}
	}
	return out
}
