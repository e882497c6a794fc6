package sim_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"dyno/bench/sim"
	"pgregory.net/rapid"
)

var allKinds = []sim.Kind{
	sim.Crash, sim.Kill, sim.Stop, sim.Pause, sim.Cut, sim.Drop, sim.Duplicate, sim.Delayed, sim.SlowDisk, sim.FullDisk, sim.FailSync,
}

// A world says what it cannot do before it begins.
func TestParseErrors(t *testing.T) {
	for text, says := range map[string]string{
		"melt s1@1ms":           `"melt"`,
		"heal@2ms; heal it@now": `"heal it@now"`,
		"rate a->b=64kB@1ms":    "a simulated world has no rate",
		"refuse a->b@1ms":       "a simulated world has no refuse",
		"heal a->b@1ms":         "heals all links at once",
	} {
		if s, err := sim.ParseSchedule(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %v, %v, want %q", text, s, err, says)
		}
	}
}

// A fault made in Go is checked like one that was read.
func TestFaultsThatSayTooMuch(t *testing.T) {
	for _, f := range []sim.Fault{
		{Kind: sim.Heal, Node: "a"},
		{Kind: sim.Heal, For: ms},
		{Kind: sim.Restart, Node: "a", P: 1},
		{Kind: sim.Pause, Node: "a", Delay: ms},
		{Kind: sim.Pause, Node: "a", Links: sim.Links{A: []string{"b"}}},
		{Kind: sim.Cut, Links: sim.Links{OneWay: true}},
		{Kind: sim.Crash},
		{Kind: sim.Crash, Node: "a b"},
		{Kind: sim.Delayed, Delay: 1e6 * time.Hour},
	} {
		w := newWorld(t, sim.Config{}, "")
		w.Add("a", scripted(script{}))
		w.Add("b", scripted(script{}))
		if err := w.Inject(f); err == nil {
			t.Errorf("%+v is accepted", f)
		}
	}
}

// profiles draws bounds of every sort.
func profiles(t *rapid.T) sim.Profile {
	p := sim.Profile{
		Nodes:    []string{"s1", "s2", "s3", "s4"}[:rapid.IntRange(1, 4).Draw(t, "nodes")],
		Kinds:    rapid.SliceOfNDistinct(rapid.SampledFrom(allKinds), 1, -1, rapid.ID).Draw(t, "kinds"),
		Faults:   rapid.IntRange(1, 20).Draw(t, "faults"),
		From:     time.Duration(rapid.Int64Range(0, 1e9).Draw(t, "from")),
		Down:     rapid.IntRange(0, 3).Draw(t, "down"),
		Torn:     rapid.Float64Range(0, 1).Draw(t, "torn"),
		MaxP:     rapid.Float64Range(0, 1).Draw(t, "p"),
		MaxDelay: time.Duration(rapid.Int64Range(0, 1e9).Draw(t, "delay")),
	}
	length := rapid.Int64Range(1, 1e10).Draw(t, "length")
	p.Until = p.From + time.Duration(length)
	if rapid.Bool().Draw(t, "bounded") {
		p.MinFor = time.Duration(rapid.Int64Range(1, length).Draw(t, "least"))
		p.MaxFor = p.MinFor + time.Duration(rapid.Int64Range(0, 1e10).Draw(t, "more"))
	}
	return p
}

// Whatever is drawn keeps to its bounds, and reads back as it was written.
func TestGenerate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, seed := profiles(t), rapid.Uint64().Draw(t, "seed")
		s, err := sim.Generate(seed, p)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := sim.Generate(seed, p)
		back, err := sim.ParseSchedule(s.String())
		if err != nil || !reflect.DeepEqual(back, s) || !reflect.DeepEqual(again, s) {
			t.Fatalf("%v\n%s\n%s\n%s", err, s, back, again)
		}
		if len(s) < 1 || len(s) > p.Faults {
			t.Fatalf("%d faults of %d", len(s), p.Faults)
		}
		for i, f := range s {
			switch {
			case f.At < p.From || f.At+f.For > p.Until || f.For <= 0 || (i > 0 && f.At < s[i-1].At):
				t.Fatalf("%s is out of time or order", f)
			case p.MinFor > 0 && (f.For < p.MinFor || f.For > p.MaxFor):
				t.Fatalf("%s lasts too short or too long", f)
			case !slices.Contains(p.Kinds, f.Kind):
				t.Fatalf("%s was not asked for", f)
			case (f.Kind == sim.Drop || f.Kind == sim.Duplicate) && p.MaxP > 0 && f.P > p.MaxP:
				t.Fatalf("%s is more than %v", f, p.MaxP)
			}
			if n := downAt(s, f.At); p.Down > 0 && n > p.Down {
				t.Fatalf("%d nodes are down at once:\n%s", n, s)
			}
		}
	})
}

func downAt(s sim.Schedule, at time.Duration) int {
	down := map[string]bool{}
	for _, f := range s {
		if slices.Contains([]sim.Kind{sim.Crash, sim.Kill, sim.Stop, sim.Pause}, f.Kind) && f.At <= at && at < f.At+f.For {
			down[f.Node] = true
		}
	}
	return len(down)
}

// Over many seeds everything that can be drawn is drawn.
func TestGenerateCovers(t *testing.T) {
	p := sim.Profile{Nodes: []string{"s1", "s2", "s3"}, Kinds: allKinds, Until: time.Second, Torn: 0.5}
	seen := map[string]int{}
	for seed := range uint64(2000) {
		s, err := sim.Generate(seed, p)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range s {
			seen[string(f.Kind)+" "+f.Node]++
			if f.Kind == sim.Cut {
				seen[f.Links.String()]++
			}
			if f.Kind == sim.Crash && f.P > 0 {
				seen["torn"]++
			}
			if f.Kind == sim.Drop && len(f.Links.A) == 0 {
				seen["drop everywhere"]++
			}
		}
	}
	for _, want := range []string{
		"crash s1", "pause s3", "slow-disk s2", "full-disk s1", "fail-sync s2", "torn", "drop everywhere", "duplicate ", "delay ",
		"s1<->*", "s2->*", "*->s3", "s1<->s2,s3", "s1,s3<->s2", "s2,s3->s1",
	} {
		if seen[want] < 10 {
			t.Errorf("%q came %d times", want, seen[want])
		}
	}
}

func TestProfileErrors(t *testing.T) {
	good := sim.Profile{Nodes: []string{"a"}, Until: time.Second}
	for says, change := range map[string]func(*sim.Profile){
		"Nodes is empty":           func(p *sim.Profile) { p.Nodes = nil },
		"cannot name a node":       func(p *sim.Profile) { p.Nodes = []string{"a b"} },
		"Until = 0s":               func(p *sim.Profile) { p.Until = 0 },
		"From = 2s":                func(p *sim.Profile) { p.From = 2 * time.Second },
		`"heal" cannot be drawn`:   func(p *sim.Profile) { p.Kinds = []sim.Kind{sim.Heal} },
		`"melt" cannot be drawn`:   func(p *sim.Profile) { p.Kinds = []sim.Kind{"melt"} },
		"MinFor ≤ MaxFor":          func(p *sim.Profile) { p.MinFor, p.MaxFor = 2*ms, ms },
		"room for MinFor":          func(p *sim.Profile) { p.MinFor = time.Minute },
		"a number is out of range": func(p *sim.Profile) { p.Torn = 2 },
	} {
		p := good
		change(&p)
		if _, err := sim.Generate(1, p); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want %q", err, says)
		}
		out := sim.Hunt{Scenario: gossip, Profile: p}.Try(1)
		if out.Err == nil {
			t.Errorf("%q: Try runs", says)
		}
	}
}
