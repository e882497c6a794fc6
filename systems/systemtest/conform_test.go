package systemtest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"dyno/systems"
)

func TestToyConforms(t *testing.T) {
	asked := make(map[string]bool)
	Conform(t, toy("toy"), Options{
		Funcs:  toyFuncs,
		Values: map[string]string{"size": "1"},
		RoleArgs: func(_ context.Context, role string, b systems.Bench) ([]string, error) {
			asked[role] = b != nil
			return []string{"--listen", "127.0.0.1:0"}, nil
		},
	})
	if !asked["server"] {
		t.Error("RoleArgs was not asked for the server")
	}
}

func TestEveryMutantIsCaught(t *testing.T) {
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			sys := m.system()
			opts := Options{Funcs: toyFuncs, Setting: systems.Setting{Warmup: 10 * time.Millisecond, Length: 90 * time.Millisecond}}
			s := &subject{sys: sys, opts: opts.complete(), dir: t.TempDir(), logf: t.Logf, bounds: patience(hurried[m.name])}
			caught := false
			for _, c := range checks(sys) {
				if c.name != m.check && slow(c.name) {
					continue
				}
				err := c.run(t.Context(), s)
				endLeftBehind(t, err)
				switch {
				case c.name != m.check && err != nil:
					t.Errorf("check %s fails too: %v", c.name, err)
				case c.name == m.check:
					caught = err != nil && strings.Contains(err.Error(), m.want)
					if !caught {
						t.Errorf("check %s says %v; want %q", c.name, err, m.want)
					}
				}
			}
			if !caught {
				t.Errorf("check %s was not run or did not catch it", m.check)
			}
		})
	}
}

// slow checks start processes: only the one that is meant is run.
func slow(check string) bool {
	return strings.ContainsAny(check, "/") || strings.Contains(check, "trial")
}

// patience is the generous bounds, but for those that are given.
func patience(b bounds) bounds {
	g := generous
	for _, p := range []struct{ long, short *time.Duration }{
		{&g.ready, &b.ready}, {&g.stop, &b.stop}, {&g.cancel, &b.cancel}, {&g.gone, &b.gone},
	} {
		if *p.short > 0 {
			*p.long = *p.short
		}
	}
	return g
}

var leftBehind = regexp.MustCompile(`process (\d+) was left behind: sleep 6`)

// endLeftBehind kills what mutants leave on purpose.
func endLeftBehind(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	for _, m := range leftBehind.FindAllStringSubmatch(err.Error(), -1) {
		pid, err := strconv.Atoi(m[1])
		if err == nil {
			err = syscall.Kill(pid, syscall.SIGKILL)
		}
		if err != nil {
			t.Error(err)
		}
	}
}

func TestUnknownKnobIsAnError(t *testing.T) {
	s := &subject{sys: toy("toy"), opts: Options{Values: map[string]string{"sise": "1"}}.complete(), dir: t.TempDir(), logf: t.Logf, bounds: generous}
	for _, check := range []func(context.Context, *subject) error{checkTrial, checkCancelledTrial} {
		if err := check(t.Context(), s); err == nil || !strings.Contains(err.Error(), `"sise"`) {
			t.Errorf("got %v, want an error about the knob", err)
		}
	}
	s.sys.Trial = nil
	if err := checkTrial(t.Context(), s); err == nil || !strings.Contains(err.Error(), "no trial") {
		t.Errorf("a system without a trial: %v", err)
	}
}

func TestWhatARoleNeedsCannotBePrepared(t *testing.T) {
	why := errors.New("no certificates")
	opts := Options{RoleArgs: func(context.Context, string, systems.Bench) ([]string, error) { return nil, why }}
	s := &subject{sys: toy("toy"), opts: opts.complete(), dir: t.TempDir(), logf: t.Logf, bounds: generous}
	for _, check := range []func(context.Context, *subject, systems.Role) error{checkServes, checkBusyPort} {
		if err := check(t.Context(), s, s.sys.Roles[0]); !errors.Is(err, why) {
			t.Errorf("got %v, want %v", err, why)
		}
	}
}

func TestWithoutMainNothingIsStarted(t *testing.T) {
	t.Setenv(familyVar, "")
	s := &subject{sys: toy("toy"), opts: Options{}.complete(), dir: t.TempDir(), logf: t.Logf, bounds: generous}
	if err := checkTrial(t.Context(), s); err == nil || !strings.Contains(err.Error(), "systemtest.Main") {
		t.Errorf("got %v, want an error that says what to do", err)
	}
}

// A go command that a test runs starts test binaries of other packages: they
// inherit the environment, but are not to act as dyno.
func TestAnotherTestBinaryRunsItsTests(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, "-test.run=^TestSplit$", "-test.v")
	cmd.Env = append(os.Environ(), binaryVar+"=/another/binary")
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestSplit") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestSplit(t *testing.T) {
	for line, want := range map[string][]string{
		"":                         nil,
		" a  b\tc ":                {"a", "b", "c"},
		"a 'b  c' \"d 'e'\"":       {"a", "b  c", "d 'e'"},
		"a '' b":                   {"a", "", "b"},
		"a=b'c d'":                 {"a=bc d"},
		"a # b":                    {"a"},
		"a#b":                      {"a#b"},
		"a >out.txt":               {"a"},
		"a|b":                      {"a"},
		"a & b":                    {"a"},
		"a --x=1,2 --y 3s '|' ; b": {"a", "--x=1,2", "--y", "3s", "|"},
	} {
		if got, err := split(line); err != nil || !slices.Equal(got, want) {
			t.Errorf("split(%q) = %q, %v; want %q", line, got, err, want)
		}
	}
	if _, err := split(`a "b`); err == nil {
		t.Error("an open quote was accepted")
	}
}

// TestRun is the exit codes and streams of the small command line.
func TestRun(t *testing.T) {
	run := Run(toy("toy"))
	for _, tt := range []struct {
		args     string
		code     int
		out, err string
	}{
		{"toy say a b", 0, "[a b]\n", ""},
		{"toy", 2, "", "SYSTEM COMMAND"},
		{"toy sya", 2, "", `no command "sya"`},
		{"tyo say", 2, "", `system "tyo"`},
		{"toy say --loud", 2, "", "-loud"},
		{"toy server --listen nowhere", 1, "", "nowhere"},
	} {
		var out, errOut strings.Builder
		code := run(t.Context(), strings.Fields(tt.args), os.Stdin, &out, &errOut)
		if code != tt.code || out.String() != tt.out || !strings.Contains(errOut.String(), tt.err) {
			t.Errorf("%s: code %d, out %q, err %q; want %d, %q, %q", tt.args, code, &out, &errOut, tt.code, tt.out, tt.err)
		}
	}
}
