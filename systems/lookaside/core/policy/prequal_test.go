package policy_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dyno/systems/lookaside/core/policy"
)

func prober(t testing.TB) policy.Prober {
	t.Helper()
	p, ok := policy.Prequal.New().(policy.Prober)
	if !ok {
		t.Fatal("prequal does not probe")
	}
	return p
}

// found is the answer of a server of equal(n), by number from 1.
func found(number int, inFlight float64, latency time.Duration) policy.Probe {
	return policy.Probe{ID: fmt.Sprintf("s%d", number), Revision: int64(number), InFlight: inFlight, Latency: latency}
}

// chosen is how many of 100 fresh prequals with these probes pick each server.
func chosen(t *testing.T, servers int, at time.Duration, probes ...policy.Probe) []int {
	counts := make([]int, servers)
	for seed := range uint64(100) {
		p := prober(t)
		for _, pr := range probes {
			p.Probed(0, pr)
		}
		counts[p.Pick(at, equal(servers), seeded(seed))]++
	}
	return counts
}

func TestPrequalChoice(t *testing.T) {
	const ms = time.Millisecond
	calm := func(more ...policy.Probe) []policy.Probe { // quantile 0.84 of ten is the ninth
		out := []policy.Probe{}
		for i := range 10 {
			out = append(out, found(20, float64(i/2), 90*ms)) // 0 0 1 1 2 2 3 3 4 4, the last one stays
		}
		return append(out, more...)
	}
	for _, c := range []struct {
		name   string
		probes []policy.Probe
		at     time.Duration
		want   int // server; 0: any
	}{
		{"the fastest of the cold", []policy.Probe{found(1, 2, 30*ms), found(2, 2, 20*ms), found(3, 2, 40*ms)}, 0, 2},
		{"not the idle one, if it is slower", []policy.Probe{found(1, 0, 30*ms), found(2, 2, 20*ms), found(3, 2, 20*ms)}, 0, 2},
		{"a hot one is not picked, however fast", calm(found(1, 9, 1*ms), found(2, 3, 80*ms)), 0, 2},
		{"one without a latency is tried", []policy.Probe{found(1, 0, 0), found(2, 0, 20*ms)}, 0, 1},
		{"the newer probe of a server counts", []policy.Probe{found(1, 2, 10*ms), found(2, 2, 20*ms), found(1, 2, 30*ms)}, 0, 2},
		{"probes just young enough", []policy.Probe{found(1, 2, 10*ms), found(2, 2, 20*ms)}, 999 * ms, 1},
		{"nobody probed", nil, 0, 0},
		{"one probe is not enough to compare", []policy.Probe{found(1, 0, ms)}, 0, 0},
		{"probes too old", []policy.Probe{found(1, 2, 10*ms), found(2, 2, 20*ms)}, 1000 * ms, 0},
		{"of servers that are gone", []policy.Probe{found(30, 0, ms), {ID: "s1", Revision: 99, Latency: ms}, found(2, 0, ms)}, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			counts := chosen(t, 20, c.at, c.probes...)
			if c.want > 0 && counts[c.want-1] != 100 {
				t.Errorf("picks %v, want all of server %d", counts, c.want)
			}
			if c.want == 0 && counts[0] > 30 {
				t.Errorf("picks %v, want any server with the same chance", counts)
			}
		})
	}
}

// Where all are hot, the shortest queue is picked.
func TestPrequalAllHot(t *testing.T) {
	p, rng := prober(t), seeded(1)
	table := equal(40)
	for range 60 {
		p.Probed(0, found(40, 1, time.Millisecond))
	}
	p.Probed(0, found(1, 9, 1*time.Millisecond))
	p.Probed(0, found(2, 7, 9*time.Millisecond))
	p.Probed(0, found(3, 8, 5*time.Millisecond))
	table[39].Silent = true // the cold one may not be picked
	if i := p.Pick(0, table, rng); i != 1 {
		t.Errorf("picked server %d, want 2, the one with the fewest in flight", i+1)
	}
}

// A pick counts as a request in flight, so that one probe does not draw a herd.
func TestPrequalCountsItsPicks(t *testing.T) {
	p, rng := prober(t), seeded(1)
	table := equal(40)
	for i := range 16 {
		p.Probed(0, found(i+1, 5, time.Duration(20+i)*time.Millisecond))
	}
	first := p.Pick(0, table, rng)
	if second := p.Pick(0, table, rng); first != 0 || second == first {
		t.Errorf("picked servers %d and %d, want 1 and then, since that is hot now, another one", first+1, second+1)
	}
}

// Without new probes a pool is used up: every pick removes one.
func TestPrequalPoolRunsDry(t *testing.T) {
	p, rng := prober(t), seeded(1)
	table := equal(1000)
	for i := range 50 {
		p.Probed(0, found(i+1, 0, time.Millisecond))
	}
	known := 0
	for range 200 {
		if p.Pick(0, table, rng) < 50 {
			known++
		}
	}
	if known > 16+20 || known < 8 { // of the random picks 5 % fall there by chance
		t.Errorf("%d of 200 picks went to servers that were probed, want about 15 and 10 by chance", known)
	}
}

// The probes wanted are distinct, and each server is as likely as any other.
func TestPrequalProbes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 9).Draw(t, "n")
		p, rng, table := policy.Prequal.New().(policy.Prober), seeded(rapid.Uint64().Draw(t, "seed")), equal(n)
		for range 20 {
			seen := make(map[int]bool)
			for _, i := range p.Probes(table, rng) {
				if i < 0 || i >= n || seen[i] {
					t.Fatalf("probe of %d, of %d servers, after %v", i, n, seen)
				}
				seen[i] = true
			}
			if want := min(3, n); len(seen) != want {
				t.Fatalf("%d probes, want %d", len(seen), want)
			}
		}
	})
	counts := make([]int, 7)
	p, rng := prober(t), seeded(4)
	for range 30_000 {
		for _, i := range p.Probes(equal(7), rng) {
			counts[i]++
		}
	}
	near(t, counts, 1./7, 1./7, 1./7, 1./7, 1./7, 1./7, 1./7)
}

// Servers of equal speed whose load is what prequal gives them, and whose
// requests never end: loads stay within a few of each other.
func TestPrequalKeepsQueuesLevel(t *testing.T) {
	p, rng, table := prober(t), seeded(2), equal(12)
	for k := range 1200 {
		table[p.Pick(0, table, rng)].InFlight++
		for _, i := range p.Probes(table, rng) {
			p.Probed(0, found(i+1, table[i].InFlight, time.Duration(table[i].InFlight+1)*20*time.Millisecond))
		}
		least, most := table[0].InFlight, table[0].InFlight
		for _, s := range table {
			least, most = min(least, s.InFlight), max(most, s.InFlight)
		}
		if most-least > 12 {
			t.Fatalf("after %d picks loads are from %v to %v", k+1, least, most)
		}
	}
}
