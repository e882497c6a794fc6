package server_test

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"dyno/systems/strife/security"
	"dyno/systems/strife/site"
)

// typed is a command line that runs.
type typed struct {
	*exec.Cmd
	out, err *bufio.Scanner
}

func typing(t *testing.T, args ...string) typed {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := typed{Cmd: exec.Command(exe, append([]string{"strife"}, args...)...)}
	out, err1 := c.StdoutPipe()
	said, err2 := c.StderrPipe()
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	c.out, c.err = bufio.NewScanner(out), bufio.NewScanner(said)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill() }) // it is gone, if all is well
	return c
}

// says reads until a line that contains a text.
func says(t *testing.T, s *bufio.Scanner, text string) {
	t.Helper()
	for s.Scan() {
		if strings.Contains(s.Text(), text) {
			return
		}
	}
	t.Fatalf("it ended without saying %q", text)
}

// From nothing to a payment with two commands; a server that is killed is told
// of, and only then started again when that was asked for; at the end nothing
// is left.
func TestUp(t *testing.T) {
	for _, restart := range []bool{false, true} {
		dir := site.Dir(filepath.Join(t.TempDir(), "state"))
		init := typing(t, "init", "--dir", string(dir), "--banks", "2", "--users", "2", "--json")
		var made site.Made
		text, _ := io.ReadAll(lines(init.out))
		if err := json.Unmarshal(text, &made); err != nil || len(made.Users) != 2 || len(made.Banks) != 2 || init.Wait() != nil {
			t.Fatalf("%v: %s", err, text)
		}
		args := []string{"up", "--dir", string(dir), "--prepare-timeout", "2s"}
		if restart {
			args = append(args, "--restart")
		}
		up := typing(t, args...)
		says(t, up.out, "ready")
		w := &world{TB: t, dir: dir, made: made, servers: map[security.Party]*running{}}
		alice := w.login(0)
		if _, err := alice.pay(within(t), "k", made.Users[1], 1); err != nil {
			t.Error(err)
		}
		before, err := site.ReadAddresses(dir.Run())
		if err != nil || len(before.Banks) != 2 {
			t.Fatalf("%+v, %v", before, err)
		}
		if err := syscall.Kill(before.Banks["alpha"].PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		says(t, up.err, "bank-alpha, process")
		if restart {
			says(t, up.err, "bank-alpha runs again")
		} else {
			says(t, up.err, "start it again with: dyno strife bank --dir "+string(dir)+" --name alpha")
			w.spawn(alpha, "")
		}
		pays(t, alice, made.Users[1])
		after, err := site.ReadAddresses(dir.Run())
		if err != nil || after.Banks["alpha"].PID == before.Banks["alpha"].PID || after.Gateway.PID != before.Gateway.PID {
			t.Errorf("%+v, and then %+v, %v", before, after, err)
		}
		if err := up.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		rest, _ := io.ReadAll(lines(up.err))
		if err := up.Wait(); err != nil {
			t.Errorf("%v: %s", err, rest)
		}
		for _, pid := range []int{after.Gateway.PID, after.Banks["beta"].PID} {
			if syscall.Kill(pid, 0) == nil {
				t.Errorf("process %d is left", pid)
			}
		}
		w.stop(alpha)
	}
}

// pays pays until it is paid: a bank may still be on its way back.
func pays(t *testing.T, c *customer, to site.MadeUser) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		a := attempt(c, to, 1)
		if a.err == nil {
			return
		}
		if a.final() || time.Now().After(deadline) {
			t.Fatal(a.err)
		}
	}
}

// A mistake on the command line is told in one line, with exit code 2.
func TestCommandLineMistakes(t *testing.T) {
	dir := t.TempDir()
	for want, args := range map[string][]string{
		"--dir":             {"up"},
		"--name":            {"bank", "--dir", dir},
		"--prepare-timeout": {"gateway", "--dir", dir, "--prepare-timeout", "0s"},
	} {
		c := typing(t, args...)
		said, _ := io.ReadAll(lines(c.err))
		_ = c.Wait()
		if code := c.ProcessState.ExitCode(); code != 2 || !strings.Contains(string(said), want) {
			t.Errorf("%v: exit code %d: %s", args, code, said)
		}
	}
}

func lines(s *bufio.Scanner) io.Reader {
	var all []string
	for s.Scan() {
		all = append(all, s.Text())
	}
	return strings.NewReader(strings.Join(all, "\n"))
}
