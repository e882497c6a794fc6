package policy_test

import (
	"math"
	"testing"
	"time"

	"dyno/systems/lookaside/core/policy"
)

// tally picks n times from a table that does not change.
func tally(m policy.Maker, table []policy.Server, n int) []int {
	counts := make([]int, len(table))
	p, rng := m.New(), seeded(11)
	for range n {
		counts[p.Pick(0, table, rng)]++
	}
	return counts
}

// near fails unless each count is within five standard deviations of what its
// probability says.
func near(t *testing.T, counts []int, probabilities ...float64) {
	t.Helper()
	n := 0
	for _, c := range counts {
		n += c
	}
	for i, p := range probabilities {
		want := float64(n) * p
		if off := math.Abs(float64(counts[i]) - want); off > 5*math.Sqrt(want*(1-p)) {
			t.Errorf("server %d: %d picks of %d, want about %.0f: %v", i, counts[i], n, want, counts)
		}
	}
}

func TestRandomIsUniform(t *testing.T) {
	table := equal(5)
	table[2].InFlight, table[3].Capacity, table[4].Silent = 100, 0.1, true // it does not look
	near(t, tally(policy.Random, table, 50_000), 0.2, 0.2, 0.2, 0.2, 0.2)
}

// The best of n wins whenever it is drawn, in 2 of n; the second best unless it
// meets the best, and so on; the worst never wins.
func TestTwoChoices(t *testing.T) {
	table := equal(4)
	for i := range table {
		table[i].InFlight = float64(i)
		table[i].Latency = policy.Peak{Seconds: 0.02}
	}
	want := []float64{3. / 6, 2. / 6, 1. / 6, 0}
	near(t, tally(policy.PowerOfTwo, table, 60_000), want...)
	near(t, tally(policy.PeakEWMA, table, 60_000), want...)
	alike := equal(4)
	near(t, tally(policy.PowerOfTwo, alike, 60_000), 0.25, 0.25, 0.25, 0.25)
	near(t, tally(policy.PeakEWMA, alike, 60_000), 0.25, 0.25, 0.25, 0.25)
}

func TestSilentServersComeLast(t *testing.T) {
	for _, m := range []policy.Maker{policy.PowerOfTwo, policy.PeakEWMA, policy.LeastLoad, policy.WeightedRoundRobin, policy.LeastReported} {
		table := equal(3)
		table[1].Silent = true
		table[0].InFlight, table[2].InFlight = 50, 50
		if counts := tally(m, table, 300); counts[1] != 0 {
			t.Errorf("%s: a silent server is picked: %v", m.Name, counts)
		}
		for i := range table {
			table[i].Silent = true
		}
		if counts := tally(m, table, 300); m.Shares != policy.Stale && (counts[0] == 0 || counts[1] == 0 || counts[2] == 0) {
			t.Errorf("%s: of three silent servers one is better than another: %v", m.Name, counts)
		}
	}
}

func TestPeakEWMACost(t *testing.T) {
	ms := func(x float64) policy.Peak { return policy.Peak{Seconds: x / 1000} }
	for _, c := range []struct {
		name  string
		table []policy.Server
		want  int
	}{
		{"latency", []policy.Server{{Latency: ms(30)}, {Latency: ms(20)}}, 1},
		{"times those in flight", []policy.Server{{Latency: ms(20), InFlight: 2}, {Latency: ms(50)}}, 1},
		{"own picks count", []policy.Server{{Latency: ms(20), Assigned: 2}, {Latency: ms(50)}}, 1},
		{"a new server is tried", []policy.Server{{Latency: ms(1)}, {}}, 1},
		{"but once, until it has answered", []policy.Server{{Latency: ms(1000), InFlight: 9}, {Assigned: 1}}, 0},
		{"a peak is forgotten with time", []policy.Server{{Latency: policy.Peak{Seconds: 1, Seen: -time.Minute}}, {Latency: ms(20)}}, 0},
		{"errors count", []policy.Server{{Latency: ms(20), ErrorRate: 50}, {Latency: ms(20), InFlight: 9}}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			for seed := range uint64(20) {
				if got := policy.PeakEWMA.New().Pick(0, c.table, seeded(seed)); got != c.want {
					t.Fatalf("picked %d, want %d", got, c.want)
				}
			}
		})
	}
}

// The values are those of the recurrence worked out by hand.
func TestPeak(t *testing.T) {
	var p policy.Peak
	if got := p.At(time.Hour); got != 0 {
		t.Errorf("nothing observed: %v", got)
	}
	e := math.Exp(-1)
	for _, step := range []struct {
		at       time.Duration
		observed float64 // 0: only looked at
		want     float64
	}{
		{0, 0.020, 0.020},
		{time.Second, 0.100, 0.100},                         // up at once
		{time.Second, 0.010, 0.100},                         // no time has passed
		{11 * time.Second, 0, 0.100 * e},                    // falls while nothing is seen
		{11 * time.Second, 0.010, 0.100*e + 0.010*(1-e)},    // and towards a lower value
		{21 * time.Second, 0, (0.100*e + 0.010*(1-e)) * e},  // again
		{21 * time.Second, 0.090, 0.090},                    // up at once
		{21*time.Second + policy.PeakDecay/2, 0.090, 0.090}, // stays
		{1000 * time.Second, 0, 0.090 * math.Exp(-97.4)},    // forgotten
	} {
		if step.observed > 0 {
			p = p.Observe(step.at, step.observed)
		}
		if got := p.At(step.at); math.Abs(got-step.want) > 1e-12 {
			t.Errorf("at %v after %v: %.9f, want %.9f", step.at, step.observed, got, step.want)
		}
	}
}

func TestLeastReportedHerds(t *testing.T) {
	table := equal(4)
	for i, load := range []float64{3, 1, 2, 1} {
		table[i].InFlight = load
	}
	p, rng := policy.LeastReported.New(), seeded(1)
	for range 20 {
		i := p.Pick(0, table, rng)
		table[i].Assigned++
		if i != 1 {
			t.Fatalf("picked %d, want 1, the first of the two with the lowest report, whatever it was given since", i)
		}
	}
	table[2].InFlight = 0
	if i := p.Pick(0, table, rng); i != 2 {
		t.Errorf("picked %d after the report that made 2 the best", i)
	}
}
