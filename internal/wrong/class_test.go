package wrong

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dyno/internal/class"
	"dyno/internal/confine"
	"dyno/internal/ladder"
	"dyno/systems"
)

// submission is a script of a class.
type submission struct {
	script string
	rungs  int
	why    []string
	long   bool // it burns a processor until its time is over: not in CI
}

// submissions are what a class may hand in. Each tries to leave something behind.
func submissions(exe string) map[string]submission {
	const leave = "(sleep 1000 & echo $! > \"$HOME/left\"; touch /tmp/dyno-left-behind) 2>/dev/null\n"
	return map[string]submission{
		"right": {leave + fmt.Sprintf("exec '%s' wrong branch right \"$@\"\n", exe), 1, nil, false},
		"crash": {leave + "printf 'it crashed \\033[31m| red' >&2; exit 3\n", 0, []string{"ended before it was ready", "it crashed"}, false},
		"hang":  {leave + "sleep 1000\n", 0, []string{"not done after"}, false},
		"flood": {leave + "yes >&2 & yes\n", 0, []string{"not done after"}, true},
		"bomb":  {leave + "b() { b | b & }; b; sleep 1000\n", 0, []string{"not done after"}, true},
		"nosy":  {leave + "kill -9 -1; kill -9 1; cat ../../*/home/branch.sh >&2; rm -rf ../check; exit 1\n", 0, []string{"ended before it was ready"}, false},
	}
}

// Whatever a submission does, the others are judged as they are, and nothing is
// left of it.
func TestClass(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	all, dir := submissions(exe), t.TempDir()
	for name, s := range all {
		if s.long && os.Getenv(soakVar) == "" {
			delete(all, name)
			continue
		}
		if err := errors.Join(os.Mkdir(filepath.Join(dir, name), 0o755),
			os.WriteFile(filepath.Join(dir, name, "branch.sh"), []byte(s.script), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := class.Run(t.Context(), class.Options{
		System: lookup("branchbank"), Dir: dir, Impl: systems.Impl{"branch": "sh " + class.Place + "/branch.sh"}, Out: t.TempDir(), Exe: exe,
		Jobs: 2, Time: 12 * time.Second, Args: []string{"--until", "speaks"},
		Limits: confine.Limits{Memory: 1 << 30, Processes: 100, File: 1 << 20},
	})
	if unsupported := new(confine.ErrUnsupported); errors.As(err, &unsupported) {
		t.Skip(err)
	}
	if err != nil || len(rows) != len(all) {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	t.Logf("\n%s", class.Markdown(rows))
	for _, r := range rows {
		want := all[r.Name]
		if r.Rungs != want.rungs || (r.Status == ladder.Broken) != (want.rungs == 0) {
			t.Errorf("%s, want %d", r.Line(), want.rungs)
		}
		for _, say := range want.why {
			if !strings.Contains(r.Why, say) || strings.Contains(r.Line(), "\x1b") {
				t.Errorf("%s: %q does not say %q", r.Name, r.Why, say)
			}
		}
	}
	leftovers(t)
}

// leftovers looks for what submissions have left: files where everybody may write,
// and processes of their users.
func leftovers(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("/tmp/dyno-left-behind"); err == nil {
		t.Error("a file is left in /tmp")
	}
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range commands {
		if text, err := os.ReadFile(path); err == nil && strings.Contains(string(text), "/home/branch.sh") {
			t.Errorf("a process is left: %q", text)
		}
		status, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "status"))
		for line := range strings.Lines(string(status)) {
			if f := strings.Fields(line); len(f) > 1 && f[0] == "Uid:" && slices.Contains([]string{"61000", "61001", "61002", "61003", "61004", "61005"}, f[1]) {
				t.Errorf("a process of user %s is left", f[1])
			}
		}
	}
}
