package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A server with a service time, which a changed binary can make slower.
const compareFile = `name: echo-compare
title: An echo that takes its time
question: Is a slower server noticed?
system: echo
load: {loop: closed}
knobs: {service-time: SERVICE, distribution: const}
core:
  - clients: [1, 4]
detail:
  - clients: [2]
scales:
  quick: {blocks: 1, detail-blocks: 1, length: QUICK, warmup: 50ms}
  full: {blocks: 6, length: 2s, warmup: 300ms}
  deep: {blocks: 12, length: 5s, warmup: 1s}
`

// comparison is an experiment file, this binary, and binaries made from it.
type comparison struct {
	t              *testing.T
	dir, file, exe string
}

func newComparison(t *testing.T, service, length string) comparison {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := comparison{t: t, dir: t.TempDir(), exe: exe}
	c.file = c.write("echo-compare.yaml", strings.NewReplacer("SERVICE", service, "QUICK", length).Replace(compareFile), 0o600)
	return c
}

func (c comparison) write(name, text string, mode os.FileMode) string {
	c.t.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		c.t.Fatal(err)
	}
	return path
}

// slower is this binary, but whenever it is told to run the experiment, its
// server takes longer.
func (c comparison) slower(from, to string) string {
	return c.write("slower", "#!/bin/sh\nsed -i 's/service-time: "+from+"$/service-time: "+to+"/' \"$2\"\nexec '"+c.exe+"' \"$@\"\n", 0o700)
}

type comparisonJSON struct {
	Regression bool
	Words      string
	FalseAlarm float64 `json:"false_alarm_at_most"`
	Rows       []struct {
		Metric, Cell, Verdict string
		N                     int
		Change                struct{ Median float64 } `json:"change_pct"`
	}
	Trials map[string]struct{ Valid, Invalid int }
}

// run compares and wants an exit code; -1 stands for 0 or 1.
func (c comparison) run(want int, args ...string) comparisonJSON {
	c.t.Helper()
	code, out, errOut := dyno(c.t, append([]string{"compare", c.file, "--scale", "quick", "--json"}, args...)...)
	if code != want && (want >= 0 || code > 1) {
		c.t.Fatalf("exit %d, want %d\n%s\n%s", code, want, out, errOut)
	}
	var j comparisonJSON
	if err := json.Unmarshal([]byte(out), &j); err != nil {
		c.t.Fatal(err)
	}
	return j
}

// A binary compared with itself: nothing is found.
func TestCompareWithItself(t *testing.T) {
	t.Parallel()
	c := newComparison(t, "1ms", "150ms")
	code, text, errOut := dyno(t, "compare", c.file, "--scale", "quick", "--old", c.exe, "--new", c.exe, "--threshold", "100", "--blocks", "6", "--only", "clients=4")
	proven(t, text)
	if strings.Contains(text, "left out in") {
		t.Skip("the machine is too busy: in a whole window nothing was answered")
	}
	if code != 0 || !strings.Contains(text, "no regression shown") || !strings.Contains(text, "throughput_rps") {
		t.Fatalf("exit %d\n%s\n%s", code, text, errOut)
	}
	if strings.Contains(text+errOut, "\x1b") {
		t.Error("ANSI codes off a terminal")
	}
	for _, w := range []string{"1 cells, 6 blocks, 12 trials", "[12/12]", "block 6/6  old  clients=4", "block 6/6  new  clients=4", "left"} {
		if !strings.Contains(errOut, w) {
			t.Errorf("progress does not say %q:\n%s", w, errOut)
		}
	}
}

// Both sides' data are kept as dyno run would have stored them, and can be set
// beside each other.
func TestCompareKeepsData(t *testing.T) {
	t.Parallel()
	c := newComparison(t, "1ms", "60ms")
	out := filepath.Join(c.dir, "out")
	c.run(0, "--old", c.exe, "--new", c.exe, "--blocks", "1", "--out", out)
	for _, side := range []string{"old", "new"} {
		if n := len(ids(t, filepath.Join(out, side, "results", "echo-compare", "trials.jsonl"))); n != 2 {
			t.Errorf("%s: %d trials are kept, want 2", side, n)
		}
		if code, _, errOut := dyno(t, "report", "--out", filepath.Join(out, side)); code != 0 {
			t.Errorf("%s: no report can be drawn: exit %d %s", side, code, errOut)
		}
	}
	if left, err := filepath.Glob(filepath.Join(out, ".dyno-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %q %v", left, err)
	}
	code, text, errOut := dyno(t, "compare", filepath.Join(out, "old"), filepath.Join(out, "new", "results", "echo-compare"))
	if code != 0 || !strings.Contains(text, "grpc_p50_us") || !strings.Contains(text, "clients=4") || !strings.Contains(text, "not judged") {
		t.Errorf("exit %d\n%s\n%s", code, text, errOut)
	}
}

// A slower server is a regression. It is so much slower that a busy machine,
// which slows both, does not hide it.
func TestCompareFindsASlowerBinary(t *testing.T) {
	t.Parallel()
	c := newComparison(t, "1ms", "150ms")
	j := c.run(-1, "--old", c.exe, "--new", c.slower("1ms", "12ms"), "--threshold", "50", "--blocks", "6", "--only", "clients=4")
	for _, row := range j.Rows {
		if row.Metric == "throughput_rps" && row.N < 6 {
			t.Skipf("the machine is too busy: %d blocks gave a figure, and fewer than 6 cannot convict", row.N)
		}
	}
	// One pair of six in which the machine stood still for the faster one keeps a
	// metric from being judged: which of the two is convicted is chance's to say.
	if !j.Regression || !strings.HasPrefix(j.Words, "regression: ") {
		t.Errorf("%+v", j)
	}
	for _, row := range j.Rows {
		if row.Metric == "throughput_rps" && (row.N != 6 || row.Verdict == "better" || row.Change.Median > -60) {
			t.Errorf("%+v", row)
		}
	}
}

// Wrong answers that the old binary does not give are a regression, whatever
// their speed; those of the old one are a failure too.
func TestCompareFindsWrongAnswers(t *testing.T) {
	t.Parallel()
	c := newComparison(t, "1ms", "40ms")
	wrong := c.write("wrong", `#!/bin/sh
'`+c.exe+`' "$@"
for last; do :; done
case "$*" in *--dry-run*) exit 0;; esac
sed -i -E 's/"status":"(valid|unknown)"/"status":"invalid"/g' "$last"/results/echo-compare/trials.jsonl
exit 1
`, 0o700)
	j := c.run(1, "--old", c.exe, "--new", wrong, "--blocks", "1", "--only", "clients=1")
	if !j.Regression || j.Trials["new"].Invalid != 1 || j.Trials["old"].Invalid != 0 || !strings.Contains(j.Words, "1 invalid trial") {
		t.Errorf("%+v", j)
	}
	if j := c.run(1, "--old", wrong, "--new", c.exe, "--blocks", "1", "--only", "clients=1"); j.Regression || j.Trials["old"].Invalid != 1 {
		t.Errorf("%+v", j)
	}
}

func TestCompareUsage(t *testing.T) {
	c := newComparison(t, "1ms", "40ms")
	plain := c.write("plain", "x", 0o600)
	other := c.write("other", "#!/bin/sh\necho hello\n", 0o700)
	refuses := c.write("refuses", "#!/bin/sh\necho 'dyno: knob \"service-time\" is not one of a, b' >&2\nexit 2\n", 0o700)
	for _, u := range []struct {
		args []string
		want []string
	}{
		{[]string{"--old", c.exe, c.file}, []string{"--new BIN"}},
		{[]string{"--new", c.exe, c.file}, []string{"--old BIN"}},
		{[]string{"--old", c.exe, "--new", c.exe}, []string{"which experiment"}},
		{[]string{"--old", "none", "--new", c.exe, c.file}, []string{"--old none", "no such file", "go build"}},
		{[]string{"--old", c.exe, "--new", plain, c.file}, []string{"--new " + plain, "not executable", "chmod +x"}},
		{[]string{"--old", c.dir, "--new", c.exe, c.file}, []string{"is a folder"}},
		{[]string{"--old", c.exe, "--new", other, c.file}, []string{"--new " + other, "is not a dyno binary"}},
		{[]string{"--old", c.exe, "--new", refuses, c.file}, []string{"cannot run echo-compare", "is not one of a, b"}},
		{[]string{"--old", c.exe, "--new", c.exe, "lb-polices"}, []string{"did you mean lb-policies?"}},
		{[]string{"--old", c.exe, "--new", c.exe, c.file, "--blocks", "-1"}, []string{"--blocks -1"}},
		{[]string{"--old", c.exe, "--new", c.exe, c.file, "--threshold", "-1"}, []string{"--threshold -1"}},
		{[]string{"--old", c.exe, "--new", c.exe, c.file, "--scale", "quick", "--only", "clients=2"}, []string{"--only", "no core cell"}},
		{[]string{"--old", c.exe, "--new", c.exe, c.file, "--scale", "quik"}, []string{"did you mean quick?"}},
	} {
		code, out, errOut := dyno(t, append([]string{"compare"}, u.args...)...)
		if code != 2 || out != "" || strings.Count(errOut, "\n") != 1 {
			t.Errorf("%q: exit %d, want 2 and one line: %q %q", u.args, code, out, errOut)
		}
		for _, w := range u.want {
			if !strings.Contains(errOut, w) {
				t.Errorf("%q: %q does not say %q", u.args, errOut, w)
			}
		}
	}
}

// Ctrl-C and kill -9 of a comparison leave no process.
func TestCompareInterrupted(t *testing.T) {
	t.Parallel()
	c := newComparison(t, "1ms", "300ms")
	for i, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGKILL} {
		out := filepath.Join(c.dir, "out"+strconv.Itoa(i))
		interrupt(t, sig, 700*time.Millisecond, "compare", c.file, "--scale", "quick", "--old", c.exe, "--new", c.exe, "--blocks", "50", "--out", out)
	}
}

// The acceptance at real size, on a quiet machine: DYNO_COMPARISONS=10 compares
// a binary so often with itself and finds nothing, and finds a server that is
// 20 % slower (make soak).
func TestComparisons(t *testing.T) {
	times, err := strconv.Atoi(os.Getenv("DYNO_COMPARISONS"))
	if err != nil {
		t.Skip("DYNO_COMPARISONS is not set")
	}
	c := newComparison(t, "5ms", "2s")
	for i := range times {
		j := c.run(0, "--old", c.exe, "--new", c.exe, "--seed", strconv.Itoa(i+1))
		t.Logf("with itself, %d: %s (false alarms at most %.3f)", i+1, j.Words, j.FalseAlarm)
	}
	j := c.run(1, "--old", c.exe, "--new", c.slower("5ms", "6ms"))
	t.Log("20 % slower:", j.Words)
	if !j.Regression || !strings.Contains(j.Words, "throughput_rps") {
		t.Errorf("%+v", j)
	}
}

// Two folders: what is no folder of results, or cannot be read, is exit 2.
func TestCompareStoredUsage(t *testing.T) {
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken")
	if err := os.Mkdir(broken, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(broken, "run.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	const all = "../.."
	good := filepath.Join(all, "results", "lb-policies")
	for _, u := range []struct {
		args []string
		want string
	}{
		{nil, "two folders"},
		{[]string{good}, "two folders"},
		{[]string{good, good, good}, "two folders"},
		{[]string{good, filepath.Join(dir, "none")}, "no such folder"},
		{[]string{good, dir}, "holds no results"},
		{[]string{good, broken}, "run.json"},
		{[]string{good, good, "--blocks", "3"}, "--blocks belongs to a comparison of binaries"},
	} {
		code, out, errOut := dyno(t, append([]string{"compare"}, u.args...)...)
		if code != 2 || out != "" || strings.Count(errOut, "\n") != 1 || !strings.Contains(errOut, u.want) {
			t.Errorf("%q: exit %d, %q, %q; want 2 and %q", u.args, code, out, errOut, u.want)
		}
	}
	for _, other := range []string{good, all, filepath.Join(all, "results")} {
		code, out, errOut := dyno(t, "compare", good, other)
		if code != 0 || !strings.Contains(out, "policy=least_load clients=100") {
			t.Errorf("%s: exit %d %s", other, code, errOut)
		}
	}
	if code, out, _ := dyno(t, "compare", good, good, "--json"); code != 0 || !json.Valid([]byte(out)) {
		t.Errorf("exit %d, no JSON", code)
	}
}

// Of a stored run that was changed the rest is shown, and the exit code says so.
func TestCompareWhatWasChanged(t *testing.T) {
	const good = "../../results/lb-uneven"
	from := t.TempDir()
	changed := filepath.Join(from, "results", "lb-uneven")
	copyChanged(t, changed)
	for _, folder := range []string{changed, from} {
		code, out, errOut := dyno(t, "compare", good, folder)
		if code != 1 || !strings.Contains(errOut, "the seal is broken: "+folder) || !strings.Contains(out, "throughput_rps") {
			t.Errorf("%s: exit %d, %s", folder, code, errOut)
		}
	}
}
