package cluster_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
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

// TestCost measures what pods add to each trial and to the start of a sweep, in turns
// with the same sweep on this machine: DYNO_COST=6 go test -v -run Cost. Both share
// this machine's cores, so that it is what the way costs, not what machines give.
func TestCost(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv("DYNO_COST"))
	if err != nil {
		t.Skip("DYNO_COST says how many pairs to measure")
	}
	b := open(t)
	for i := range n {
		local := measure(t, func(out string) []string { return append([]string{"run", "--out", out}, sweep("2")...) }, "", " valid, ")
		pods := measure(t, func(out string) []string {
			return append([]string{
				"deploy", "k8s", "--kubectl", b.kubectl, "--out", out, "--name", fmt.Sprintf("cost%d", i), "--nodes", "2",
				"--image", "localhost/dyno:1", "--cpus", "1", "--memory", "512Mi", "--",
			}, sweep("2")...)
		}, "machines run after", " valid, ")
		load, _ := os.ReadFile("/proc/loadavg") // there always
		t.Logf("local: start %v, %d trials of %v; pods: start %v after they run, %d trials of %v: %v more a trial; load %.4s",
			ms(local.startup), local.trials, ms(local.each), ms(pods.startup), pods.trials, ms(pods.each), ms(pods.each-local.each), load)
	}
}

func ms(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

func measure(t *testing.T, line func(out string) []string, after, over string) sweepCost {
	t.Helper()
	var said stamped
	cmd := exec.Command(dyno, line(filepath.Join(t.TempDir(), "out"))...)
	cmd.Stdout, cmd.Stderr = &said, &said
	began := time.Now()
	err := cmd.Run()
	c := said.cost(t, began, after, over)
	if err != nil {
		t.Logf("%v: %s", err, strings.Join(said.lines, "\n"))
	}
	return c
}
