package check

import (
	"os"
	"strconv"
	"testing"
	"time"

	"dyno/bench/fault"
	"dyno/bench/sim"
	"dyno/internal/node/simhost"
	"dyno/internal/replica"
	"dyno/systems/sessionbank/core/bank"
	"dyno/systems/sessionbank/core/token"
)

func seeds(t testing.TB, few int) int {
	text := os.Getenv("DYNO_SEEDS")
	if text == "" {
		return few
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func hunt(s world, seeds int) sim.Hunt {
	if s.lag == (sim.Delay{}) {
		s.lag = sim.Delay{Base: time.Millisecond, Tail: 6 * time.Millisecond}
	}
	return sim.Hunt{
		Scenario: s.scenario, Seeds: seeds, First: 1, ShrinkRuns: 50,
		Config: sim.Config{Network: sim.Link{Delay: s.lag}, Sync: sim.Delay{Tail: 500 * time.Microsecond}},
		Profile: sim.Profile{
			Nodes: []string{"b1", "b2", "b3"}, Until: simUntil, Torn: 0.5, Swarm: true,
			Kinds: []sim.Kind{fault.Kill, fault.Crash, fault.Pause, fault.Cut, fault.Drop, fault.Duplicate, fault.Delay},
		},
	}
}

// As it is, nothing is found, with either token.
func TestHunt(t *testing.T) {
	for _, kind := range []token.Kind{token.Vector, token.WriteSet} {
		h := hunt(world{guarantees: token.All, kind: kind}, seeds(t, 300))
		h.Sometimes = []string{
			"a branch lives again", "a request waited", "a branch lagged for too long", "a refusal was not the last word", "a retry was known",
		}
		s, err := h.Sweep(t.Context())
		if err != nil || s.Failure != nil {
			t.Fatalf("%v: %v %v", kind, err, s)
		}
	}
}

// Every set of guarantees keeps what it promises under faults.
func TestHuntSets(t *testing.T) {
	for g := token.None; g <= token.All; g++ {
		if f, err := hunt(world{guarantees: g}, seeds(t, 40)).Run(t.Context()); err != nil || f != nil {
			t.Errorf("%v: %v %v", g, err, f)
		}
	}
}

// Each flaw is found.
func TestHuntMutants(t *testing.T) {
	worlds := map[string]world{"the host": {hasty: true}}
	for _, f := range bank.Flaws {
		worlds[string(f)] = world{flaw: f}
	}
	for _, f := range replica.Flaws {
		worlds["replica "+string(f)] = world{replica: f}
	}
	for name, s := range worlds {
		s.guarantees, s.lag = token.All, sim.Delay{Base: time.Millisecond, Tail: 20 * time.Millisecond}
		f, err := hunt(s, 1000).Run(t.Context())
		if err != nil || f == nil {
			t.Errorf("%s: found nothing: %v", name, err)
			continue
		}
		t.Logf("%s: seed %d: %v", name, f.Seed, f.Shrunk.Err)
	}
}

func TestWeaken(t *testing.T) {
	if _, err := hunt(world{guarantees: token.All}, 200).Weaken(t.Context(), simhost.ForOpen); err != nil {
		t.Error(err)
	}
}

// Without guarantees each of the four is violated, and each guarantee removes its
// own violations and no others.
func TestEachGuaranteeRemovesItsOwn(t *testing.T) {
	sets := []token.Guarantees{token.None, token.ReadYourWrites, token.MonotonicWrites, token.MonotonicReads, token.WritesFollowReads, token.All}
	for _, g := range sets {
		violations := make(map[token.Guarantees]int64)
		s := world{guarantees: g, lag: sim.Delay{Base: time.Millisecond, Tail: 10 * time.Millisecond}, count: func(h *History) {
			again := h.Recount()
			for i, f := range Each(h.Sessions()) {
				violations[f.Is] += f.Finding.Violations
				if (Count{f.Finding.Examined, f.Finding.Violations}) != again[i] {
					t.Errorf("%v, %s: counted %d in %d, again %v", g, f.Name, f.Finding.Violations, f.Finding.Examined, again[i])
				}
			}
		}}
		h := hunt(s, 60)
		for seed := range uint64(h.Seeds) {
			if o := h.Play(seed+1, nil); o.Err != nil {
				t.Fatalf("%v, seed %d: %v", g, seed+1, o.Err)
			}
		}
		t.Logf("%v: %v", g, violations)
		for is, n := range violations {
			if kept := g&is != 0; kept != (n == 0) {
				t.Errorf("%v: %d violations of %v", g, n, is)
			}
		}
	}
}

// A thousand worlds a second, of some two hundred events each, are to fit on one
// core.
func BenchmarkWorld(b *testing.B) {
	h := hunt(world{guarantees: token.All}, b.N)
	h.Workers = 1
	s, err := h.Sweep(b.Context())
	if err != nil || s.Failure != nil {
		b.Fatal(err, s)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "seeds/s")
	events := 0.0
	for seed := range uint64(20) {
		events += float64(h.Try(seed + 1).Stats.Events)
	}
	b.ReportMetric(events/20, "events/op")
}
