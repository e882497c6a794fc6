package strife_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// strifeCommand is "dyno strife …" as a process of its own.
func strifeCommand(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exec.CommandContext(t.Context(), exe, append([]string{"strife"}, args...)...)
}

// ran runs a command to its end.
func ran(t *testing.T, args ...string) (code int, out string) {
	t.Helper()
	c := strifeCommand(t, args...)
	var o, e bytes.Buffer
	c.Stdout, c.Stderr = &o, &e
	err := c.Run()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		t.Logf("%s: exit %d %s", strings.Join(args, " "), exit.ExitCode(), e.String())
		return exit.ExitCode(), o.String()
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0, o.String()
}

func TestDemo(t *testing.T) {
	for args, wants := range map[string][]string{
		"demo":            {"replayed: paid as", "insufficient funds", "alice's client was told, without asking: paid", "the invariants are valid"},
		"demo --blocking": {"in doubt for", "are held 40.00", "that are not held: yes", "no bank is in doubt", "the invariants are valid"},
	} {
		code, out := ran(t, strings.Fields(args)...)
		for _, want := range wants {
			if code != 0 || !strings.Contains(out, want) {
				t.Errorf("%s: exit %d, no %q in\n%s", args, code, want, out)
			}
		}
	}
}

// background starts a command that stays, and waits until it has said a word.
func background(t *testing.T, word string, args ...string) *exec.Cmd {
	t.Helper()
	c := strifeCommand(t, args...)
	log := filepath.Join(t.TempDir(), "log")
	f, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	c.Stdout, c.Stderr = f, f
	if err := errors.Join(c.Start(), f.Close()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		_ = c.Wait()
	})
	awaits(t, log, word)
	return c
}

// awaits returns once a file holds a word.
func awaits(t *testing.T, file, word string) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); ; {
		text, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(text), word) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("no %q in\n%s", word, text)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// What the README promises a stranger: pay, retry, overdraw, go offline, come
// back, register, audit; and an audit that finds what is broken.
func TestByHand(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "town")
	if code, _ := ran(t, "init", "--dir", dir, "--banks", "2", "--users", "2", "--json"); code != 0 {
		t.Fatal("init")
	}
	background(t, "ready", "up", "--dir", dir)
	alice := func(command string, more ...string) []string {
		return append([]string{command, "--dir", dir, "--user", "alice"}, more...)
	}
	do := func(want int, args []string) string {
		t.Helper()
		code, out := ran(t, args...)
		if code != want {
			t.Errorf("%q: exit %d, want %d: %s", args, code, want, out)
		}
		return out
	}
	do(0, alice("login", "--password-file", filepath.Join(dir, "passwords", "alice")))
	pay := func(want int, more ...string) string {
		return do(want, alice("pay", append(more, "--to", "beta/1001", "--json")...))
	}
	if out := pay(0, "--amount", "12.50", "--key", "rent"); !strings.Contains(out, `"status":"paid"`) {
		t.Error(out)
	}
	if out := pay(0, "--amount", "12.50", "--key", "rent"); !strings.Contains(out, `"amount":"12.50","replayed":true,"reason":""}`) {
		t.Error(out)
	}
	if out := pay(1, "--amount", "12.51", "--key", "rent"); !strings.Contains(out, `"payment":""`) {
		t.Error(out)
	}
	pay(3, "--amount", "99999")
	if err := os.WriteFile(filepath.Join(dir, "zoe"), []byte("a long password\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	do(0, []string{"register", "--dir", dir, "--user", "zoe", "--bank", "alpha", "--account", "1002", "--password-file", filepath.Join(dir, "zoe")})
	do(0, []string{"login", "--dir", dir, "--user", "zoe", "--password-file", filepath.Join(dir, "zoe")})
	do(0, []string{"pay", "--dir", dir, "--user", "zoe", "--to", "alpha/1001", "--amount", "1"})
	admin := func(args ...string) []string {
		return append([]string{"admin"}, append(args, "--dir", dir, "--user", "admin")...)
	}
	do(0, []string{"login", "--dir", dir, "--user", "admin", "--password-file", filepath.Join(dir, "passwords", "admin")})
	do(0, admin("add-user", "--name", "yan", "--bank", "beta", "--account", "7001", "--balance", "5.00", "--password-file", filepath.Join(dir, "zoe")))
	if out := do(0, admin("accounts")); !strings.Contains(out, "yan") || !strings.Contains(out, "beta/7001") || !strings.Contains(out, "zoe") {
		t.Error(out)
	}
	if out := do(0, admin("resolve", "--bank", "alpha")); !strings.HasPrefix(out, "0 in doubt at alpha") {
		t.Error(out)
	}
	do(2, admin("resolve", "--bank", "alpha", "--tx", "1.1.1"))
	do(1, admin("resolve", "--bank", "alpha", "--tx", "1.1.9999", "--abort", "--reason", "a test"))
	do(1, admin("resolve", "--bank", "alpha", "--tx", "1.1.1", "--abort", "--reason", "it is committed"))
	do(0, admin("resolve", "--bank", "alpha", "--tx", "1.1.1", "--commit", "--reason", "it is committed"))
	do(1, alice("admin", "accounts"))

	kill(t, dir)
	pay(4, "--amount", "1", "--key", "offline-1")
	pay(5, "--amount", "1", "--no-queue")
	out := filepath.Join(dir, "client.out")
	c := strifeCommand(t, alice("client", "--json")...)
	f, err := os.Create(out)
	if err != nil {
		t.Fatal(err)
	}
	c.Stdout = f
	if err := errors.Join(c.Start(), f.Close()); err != nil {
		t.Fatal(err)
	}
	pay(4, "--amount", "2", "--key", "offline-2")
	background(t, "listens on", "gateway", "--dir", dir)
	awaits(t, out, `"status":"paid","key":"offline-1"`)
	awaits(t, out, `"status":"paid","key":"offline-2"`)
	if err := errors.Join(c.Process.Signal(syscall.SIGTERM), c.Wait()); err != nil {
		t.Errorf("the client: %v", err)
	}
	if out := do(0, alice("queue")); !strings.HasPrefix(out, "0 in the queue") {
		t.Error(out)
	}
	do(0, []string{"verify", "--dir", dir})
	corrupt(t, dir)
	if out := do(1, []string{"verify", "--dir", dir}); !strings.Contains(out, "DAMAGE") || !strings.Contains(out, "alpha") {
		t.Error(out)
	}
}

// kill kills the gateway.
func kill(t *testing.T, dir string) {
	t.Helper()
	var run struct{ Gateway struct{ PID int } }
	text, err := os.ReadFile(filepath.Join(dir, "run.json"))
	if err == nil {
		err = json.Unmarshal(text, &run)
	}
	if err == nil {
		err = syscall.Kill(run.Gateway.PID, syscall.SIGKILL)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// corrupt flips a bit in the middle of a bank's journal.
func corrupt(t *testing.T, dir string) {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(dir, "bank-alpha", "journal", "*.log"))
	if err != nil || len(logs) == 0 {
		t.Fatal(logs, err)
	}
	text, err := os.ReadFile(logs[0])
	if err != nil {
		t.Fatal(err)
	}
	first := 4 << 10 // where the first batch begins: before it there are headers
	text[first+40] ^= 4
	if err := os.WriteFile(logs[0], text, 0o600); err != nil {
		t.Fatal(err)
	}
}
