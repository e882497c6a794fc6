package cluster_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// stamped notes when each line was said.
type stamped struct {
	mu    sync.Mutex
	rest  []byte
	lines []string
	at    []time.Time
}

func (s *stamped) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rest = append(s.rest, p...)
	for {
		line, rest, whole := bytes.Cut(s.rest, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		s.lines, s.at, s.rest = append(s.lines, string(line)), append(s.at, time.Now()), rest
	}
}

func (s *stamped) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "\n") + "\n" + string(s.rest)
}

// when is the time of the first line with a text.
func (s *stamped) when(t *testing.T, text string) (int, time.Time) {
	t.Helper()
	i := slices.IndexFunc(s.lines, func(l string) bool { return strings.Contains(l, text) })
	if i < 0 {
		t.Fatalf("%q was never said: %s", text, strings.Join(s.lines, "\n"))
	}
	return i, s.at[i]
}

// sweepCost is what a run took.
type sweepCost struct {
	way                  string
	startup, whole, each time.Duration // until the first trial begins; all; of a trial
	trials               int           // those that were measured again, too
}

var firstTrial = regexp.MustCompile(`^\[1/.* ([0-9.]+)s$`)

// cost reads off what was said: the trials begin after a line with a text.
func (s *stamped) cost(t *testing.T, began time.Time, after, over string) (c sweepCost) {
	t.Helper()
	if after != "" {
		_, began = s.when(t, after)
	}
	_, end := s.when(t, over)
	i, first := s.when(t, "[1/")
	m := firstTrial.FindStringSubmatch(s.lines[i])
	if m == nil {
		t.Fatalf("a trial's line is %q", s.lines[i])
	}
	lasted, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	c.startup, c.whole = first.Add(-time.Duration(lasted*float64(time.Second))).Sub(began), end.Sub(began)
	for _, l := range s.lines {
		if strings.HasPrefix(l, "[") || strings.Contains(l, "again, for it proved nothing") {
			c.trials++
		}
	}
	c.each = (c.whole - c.startup) / time.Duration(c.trials)
	return c
}

// TestThreeWays runs one experiment file, unchanged, on this machine, over SSH on the two
// nodes of the cluster, and on its pods, in turns, and says what each way costs a trial and
// the start of a sweep: DYNO_COST=6 go test -v -run ThreeWays. All share this machine's
// cores, so that it is what the way costs, not what machines give.
func TestThreeWays(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv("DYNO_COST"))
	if err != nil {
		t.Skip("DYNO_COST says how often to measure each way")
	}
	b := open(t)
	hosts, err := b.SSH(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		local := measure(t, "local", "", "run")
		for _, far := range []sweepCost{
			measure(t, "ssh", "", "run", "--hosts", hosts),
			measure(t, "pods", "machines run after", "deploy", "k8s", "--kubectl", b.kubectl, "--name", fmt.Sprintf("cost%d", i), "--nodes", "2",
				"--image", "localhost/dyno:1", "--cpus", "1", "--memory", "512Mi"),
		} {
			t.Logf("%s: %v more a trial than locally", far.way, ms(far.each-local.each))
		}
	}
}

func ms(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

// measure runs a sweep, and wants its report, all of it valid.
func measure(t *testing.T, way, after string, words ...string) sweepCost {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	r := &run{out: out, line: slices.Concat([]string{dyno}, words, []string{"--out", out})}
	if words[0] == "deploy" {
		r.line = append(r.line, "--")
	}
	r.line = append(r.line, sweep("2")...)
	began := time.Now()
	r.start(t)
	t.Cleanup(func() { r.wait(t) })
	r.wait(t)
	c := r.said.cost(t, began, after, " valid, ")
	c.way = way
	r.sound(t, "lb-policies")
	if _, err := os.Stat(filepath.Join(out, "REPORT.md")); err != nil {
		t.Error(err)
	}
	load, _ := os.ReadFile("/proc/loadavg") // there always
	t.Logf("%s: first trial after %v, %d trials of %v; stored: %v; load %.4s", way, ms(c.startup), c.trials, ms(c.each), r.trials(t, "lb-policies"), load)
	return c
}
