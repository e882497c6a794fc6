package balancer_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"dyno/systems/lookaside/core/balancer"
	"dyno/systems/lookaside/core/policy"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata")

// TestScenarios runs testdata/*.txt: blocks of commands, a line of dashes, and
// what they print, up to an empty line. A # starts a comment. The commands:
//
//	new POLICY [interval=100ms seed=1]        an empty balancer, as after a restart; the time goes on
//	join ID [rev=1 capacity=1 instance=a address=ID:1]
//	leave ID [instance=a]
//	report ID [instance=a seq=1 in-flight=0 util=0 qps=0 eps=0 draining=false]
//	fail ID [instance=a]
//	pick [N]                                  the ids picked, in order
//	count N                                   how often each was picked in N
//	spread N                                  the difference between the highest and the lowest count
//	tick DURATION
//	rows
//
// A command that succeeds silently prints nothing.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { runScenario(t, file) })
	}
}

const dashes = "----"

func runScenario(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var rewritten strings.Builder
	s := &scenario{}
	blocks := strings.Split(strings.TrimSpace(string(text)), "\n\n")
	for i, block := range blocks {
		commands, want, ok := strings.Cut(block, dashes)
		if !ok {
			rewritten.WriteString(block + "\n\n") // comments only
			continue
		}
		got := s.run(commands)
		want = strings.TrimPrefix(want, "\n")
		if strings.TrimRight(got, "\n") != strings.TrimRight(want, "\n") && !*update {
			t.Errorf("%s, block %d:\n%s\nprinted\n%s\nwant\n%s", file, i+1, commands, got, want)
		}
		rewritten.WriteString(commands + dashes + "\n" + got + "\n")
	}
	if *update {
		if err := os.WriteFile(file, []byte(strings.TrimSpace(rewritten.String())+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

type scenario struct {
	b   *balancer.Balancer
	now time.Duration
}

// run executes the commands of a block and returns what they print.
func (s *scenario) run(commands string) string {
	var out strings.Builder
	for line := range strings.Lines(commands) {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if text := s.command(words[0], newArgs(words[1:])); text != "" {
			fmt.Fprintln(&out, text)
		}
	}
	return out.String()
}

func (s *scenario) command(name string, a *args) string {
	id := a.name
	switch name {
	case "new":
		p, err := policy.New(id)
		if err != nil {
			return err.Error()
		}
		rng := rand.New(rand.NewPCG(uint64(a.number("seed", 1)), 0))
		s.b = balancer.New(balancer.Config{Policy: p, Rand: rng, Service: "hash", Interval: a.duration("interval", 100*time.Millisecond)})
		return a.unused()
	case "join":
		return problem(s.b.Join(balancer.Member{
			ID: id, Instance: a.text("instance", "a"), Address: a.text("address", id+":1"),
			Capacity: a.number("capacity", 1), Revision: int64(a.number("rev", 1)),
		})) + a.unused()
	case "leave":
		if !s.b.Leave(id, a.text("instance", "a")) {
			return "not in the table"
		}
		return a.unused()
	case "report":
		return problem(s.b.Report(s.now, balancer.Report{
			ID: id, Instance: a.text("instance", "a"), Sequence: uint64(a.number("seq", 1)), InFlight: int64(a.number("in-flight", 0)),
			Utilization: a.number("util", 0), QPS: a.number("qps", 0), EPS: a.number("eps", 0), Draining: a.text("draining", "false") == "true",
		})) + a.unused()
	case "fail":
		s.b.Fail(s.now, id, a.text("instance", "a"))
		return a.unused()
	case "tick":
		d, err := time.ParseDuration(id)
		s.now += d
		return problem(err)
	case "pick":
		return strings.Join(s.picks(id), " ")
	case "count":
		return counted(s.picks(id))
	case "spread":
		return s.spread(id)
	case "rows":
		return s.rows()
	}
	return "no such command: " + name
}

// picks picks n times (once if n is empty); an error ends the list.
func (s *scenario) picks(n string) (out []string) {
	count, err := strconv.Atoi(n)
	if err != nil {
		count = 1
	}
	for range count {
		p, err := s.b.Pick(s.now)
		if err != nil {
			return append(out, problem(err))
		}
		if p.Address != p.ID+":1" {
			p.ID += "@" + p.Address
		}
		out = append(out, p.ID)
	}
	return out
}

func counted(picks []string) string {
	counts := make(map[string]int)
	for _, p := range picks {
		counts[p]++
	}
	var out []string
	for _, p := range slices.Compact(slices.Sorted(slices.Values(picks))) {
		out = append(out, fmt.Sprintf("%s=%d", p, counts[p]))
	}
	return strings.Join(out, " ")
}

func (s *scenario) spread(n string) string {
	counts := make(map[string]int)
	for _, r := range s.b.Rows(s.now) {
		counts[r.ID] = 0
	}
	for _, p := range s.picks(n) {
		counts[p]++
	}
	least, most := 1<<30, 0
	for _, c := range counts {
		least, most = min(least, c), max(most, c)
	}
	return strconv.Itoa(most - least)
}

func (s *scenario) rows() string {
	var out []string
	for _, r := range s.b.Rows(s.now) {
		age := "never"
		if r.ReportAge >= 0 {
			age = r.ReportAge.String()
		}
		line := fmt.Sprintf("%s/%s %s rev=%d capacity=%g picks=%d in-flight=%d util=%g assigned=%d age=%s",
			r.ID, r.Instance, r.Address, r.Revision, r.Capacity, r.Picks, r.InFlight, r.Utilization, r.Assigned, age)
		if r.Draining {
			line += " draining"
		}
		if r.Suspect {
			line += " suspect"
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

func problem(err error) string {
	if err == nil {
		return ""
	}
	return "error: " + err.Error()
}

// args are a command's words: a name, then key=value.
type args struct {
	name string
	rest map[string]string
}

func newArgs(words []string) *args {
	a := &args{rest: make(map[string]string)}
	for _, w := range words {
		if k, v, ok := strings.Cut(w, "="); ok {
			a.rest[k] = v
		} else {
			a.name = strings.Trim(w, `"`)
		}
	}
	return a
}

func (a *args) text(key, fallback string) string {
	v, ok := a.rest[key]
	delete(a.rest, key)
	if !ok {
		return fallback
	}
	return strings.Trim(v, `"`)
}

func (a *args) number(key string, fallback float64) float64 {
	x, err := strconv.ParseFloat(a.text(key, fmt.Sprint(fallback)), 64)
	if err != nil {
		a.rest[key] = err.Error()
	}
	return x
}

func (a *args) duration(key string, fallback time.Duration) time.Duration {
	d, err := time.ParseDuration(a.text(key, fallback.String()))
	if err != nil {
		a.rest[key] = err.Error()
	}
	return d
}

// unused complains of words that the command does not know.
func (a *args) unused() string {
	if len(a.rest) == 0 {
		return ""
	}
	return fmt.Sprintf("not understood: %v", a.rest)
}
