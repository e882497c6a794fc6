package cli_test

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dyno/internal/ladder"
	"dyno/systems/all"
)

// ours is dyno's own role as a command that stands in for it.
func ours(t *testing.T, system, role, flags string) string {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(role + "='" + exe + "' " + system + " " + role + " " + flags)
}

// climb checks branchbank, and reads the scorecard.
func climb(t *testing.T, args ...string) (code int, card ladder.Card, errOut string) {
	code, out, errOut := dyno(t, append([]string{"check", "branchbank", "--json", "--out", t.TempDir()}, args...)...)
	if err := json.Unmarshal([]byte(out), &card); err != nil {
		t.Fatalf("%v: %s %s", err, out, errOut)
	}
	return code, card, errOut
}

// A branch of ours, as a command, climbs as far as it is told to; one that does a
// repeated request twice falls where that is asked, and is told how.
func TestClimb(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes for some seconds")
	}
	xmlFile, page := filepath.Join(t.TempDir(), "a.xml"), filepath.Join(t.TempDir(), "a.md")
	code, card, errOut := climb(t, "--impl", ours(t, "branchbank", "branch", ""), "--until", "two-clients", "--junit", xmlFile,
		"--markdown", page)
	if n, last := card.Reached(); code != 0 || n != 3 || last != "two-clients" || !card.Holds() {
		t.Errorf("exit %d, %d rungs up to %s\n%s", code, n, last, errOut)
	}
	var suite struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
	}
	text, err := os.ReadFile(xmlFile)
	if err == nil {
		err = xml.Unmarshal(text, &suite)
	}
	if err != nil || suite.Tests != 3 || suite.Failures != 0 {
		t.Errorf("%+v, %v", suite, err)
	}
	if text, err := os.ReadFile(page); err != nil || !strings.Contains(string(text), "all 3 rungs hold") {
		t.Errorf("%s, %v", text, err)
	}
}

// A program that is none: what it said is told, and what comes after is not tried.
func TestClimbFalls(t *testing.T) {
	code, card, _ := climb(t, "--impl", `branch=sh -c 'echo what am I; echo no idea >&2; exit 3'`, "--until", "alone")
	first := card.Rungs[0]
	if n, _ := card.Reached(); code != 1 || n != 0 || first.Status != ladder.Broken || card.Rungs[1].Status != ladder.NotReached {
		t.Errorf("exit %d: %+v", code, card)
	}
	if why := strings.Join(first.Why(), "\n"); !strings.Contains(why, "no idea") || !strings.Contains(why, "dyno replay check-branchbank-speaks") {
		t.Errorf("it is told: %s", why)
	}
}

// Wrong words are usage errors that name the right ones.
func TestClimbUsage(t *testing.T) {
	for want, args := range map[string][]string{
		"did you mean branchbank": {"check", "branchbnk"},
		"did you mean branch?":    {"check", "branchbank", "--impl", "brunch=x"},
		"did you mean retries?":   {"check", "branchbank", "--until", "retry"},
		"is not ROLE=COMMAND":     {"check", "branchbank", "--impl", "branch"},
		"role branch is given tw": {"check", "branchbank", "--impl", "branch=x", "--impl", "branch=y"},
		"has no role":             {"run", "load-honesty", "--impl", "server=x", "--dry-run"},
		"did you mean general?":   {"byzantine", "run", "--impl", "generals=x"},
	} {
		if code, _, errOut := dyno(t, args...); code != 2 || !strings.Contains(errOut, want) {
			t.Errorf("%q: exit %d, %s; want %q", args, code, errOut, want)
		}
	}
}

// With dyno's own roles as commands every rung of every system holds. It takes
// minutes: DYNO_LADDERS=all, or names of systems.
func TestOwnLadders(t *testing.T) {
	which := os.Getenv("DYNO_LADDERS")
	if which == "" {
		t.Skip("set DYNO_LADDERS=all, or to names of systems")
	}
	for _, s := range all.Systems {
		if s.Contract == "" || which != "all" && !strings.Contains(which, s.Name) {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			args := []string{"check", s.Name, "--all", "--out", t.TempDir()}
			for _, role := range s.Open() {
				args = append(args, "--impl", ours(t, s.Name, role, ""))
			}
			code, out, errOut := dyno(t, args...)
			if t.Logf("%s%s", out, errOut); code != 0 {
				t.Errorf("exit %d", code)
			}
		})
	}
}
