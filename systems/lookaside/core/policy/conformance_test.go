package policy_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dyno/systems/lookaside/core/policy"
)

// The suite that every policy of All passes.
func TestConformance(t *testing.T) {
	for _, m := range policy.All {
		t.Run(m.Name, func(t *testing.T) {
			if m.Summary == "" || m.New == nil {
				t.Fatalf("%+v: a policy needs a summary and a constructor", m)
			}
			t.Run("valid", func(t *testing.T) { rapid.Check(t, func(t *rapid.T) { valid(t, m) }) })
			t.Run("repeats", func(t *testing.T) { rapid.Check(t, func(t *rapid.T) { repeats(t, m) }) })
			t.Run("fresh", func(t *testing.T) { fresh(t, m) })
			t.Run("churn", func(t *testing.T) { rapid.Check(t, func(t *rapid.T) { churn(t, m) }) })
			t.Run("shares", func(t *testing.T) { rapid.Check(t, func(t *rapid.T) { shares(t, m) }) })
			t.Run("allocations", func(t *testing.T) { allocations(t, m) })
		})
	}
}

// servers draws a table of any load, in registration order.
func servers(t *rapid.T) []policy.Server {
	n := rapid.IntRange(1, 20).Draw(t, "n")
	out := make([]policy.Server, n)
	for i := range out {
		out[i] = policy.Server{
			ID:        fmt.Sprintf("s%d", i),
			Revision:  rapid.Int64Range(1, 10).Draw(t, "revision"),
			Capacity:  rapid.SampledFrom([]float64{0.001, 0.2, 1, 4, 1000}).Draw(t, "capacity"),
			InFlight:  rapid.Float64Range(0, 1000).Draw(t, "in flight"),
			Assigned:  rapid.IntRange(0, 1000).Draw(t, "assigned"),
			ErrorRate: rapid.Float64Range(0, 1000).Draw(t, "errors"),

			QPS:         rapid.SampledFrom([]float64{0, 1e-3, 50, 1e9}).Draw(t, "qps"),
			Utilization: rapid.SampledFrom([]float64{0, 1e-300, 0.7, 1e3}).Draw(t, "utilization"),
			Latency:     policy.Peak{Seconds: rapid.SampledFrom([]float64{0, 1e-3, 3600}).Draw(t, "latency")},
			Silent:      rapid.IntRange(0, 3).Draw(t, "silent") == 0,
		}
	}
	slices.SortFunc(out, byRegistration)
	return out
}

func byRegistration(a, b policy.Server) int {
	return cmp.Or(cmp.Compare(a.Revision, b.Revision), cmp.Compare(a.ID, b.ID))
}

// valid: whatever the table, the index is in range and the table is untouched.
func valid(t *rapid.T, m policy.Maker) {
	p, rng, now := m.New(), seeded(1), time.Duration(0)
	for range rapid.IntRange(1, 30).Draw(t, "picks") {
		table := servers(t)
		before := slices.Clone(table)
		probe(p, now, table, rng)
		now += time.Duration(rapid.IntRange(0, 2000).Draw(t, "ms")) * time.Millisecond
		if i := p.Pick(now, table, rng); i < 0 || i >= len(table) {
			t.Fatalf("index %d of %d servers", i, len(table))
		}
		if !slices.Equal(table, before) {
			t.Fatalf("the policy changed its input from %+v to %+v", before, table)
		}
	}
}

// repeats: the same seed and the same tables give the same picks.
func repeats(t *rapid.T, m policy.Maker) {
	seed := rapid.Uint64().Draw(t, "seed")
	p, q, rngP, rngQ := m.New(), m.New(), seeded(seed), seeded(seed)
	for range 20 {
		table := servers(t)
		if i, j := p.Pick(0, table, rngP), q.Pick(0, table, rngQ); i != j {
			t.Fatalf("two policies with seed %d picked %d and %d", seed, i, j)
		}
		probe(p, 0, table, rngP)
		probe(q, 0, table, rngQ)
	}
}

// fresh: two policies of one Maker share no state.
func fresh(t *testing.T, m policy.Maker) {
	table := equal(5)
	want := m.New().Pick(0, table, seeded(7))
	other := m.New()
	other.Pick(0, table, seeded(7))
	other.Pick(0, table, seeded(8))
	if got := m.New().Pick(0, table, seeded(7)); got != want {
		t.Errorf("a new policy picked %d after another one was used, %d before", got, want)
	}
}

// churn: servers join, leave, drain (vanish and come back in their old place)
// and register again while picks go on. Every pick is one that is there, and
// the promise about shares holds among those that stayed.
func churn(t *rapid.T, m policy.Maker) {
	c := &crowd{policy: m.New(), entered: make(map[string]int)}
	for range 3 {
		c.join()
	}
	t.Repeat(map[string]func(*rapid.T){
		"join":  func(*rapid.T) { c.join() },
		"leave": func(t *rapid.T) { c.take(t) },
		"again": func(t *rapid.T) {
			s := c.take(t)
			c.revision++
			s.Revision = c.revision
			c.put(s)
		},
		"drain": func(t *rapid.T) { c.drained = append(c.drained, c.take(t)) },
		"undrain": func(*rapid.T) {
			if len(c.drained) > 0 {
				c.put(c.drained[0])
				c.drained = c.drained[1:]
			}
		},
		"pick": func(t *rapid.T) { c.pick(t, m, rapid.IntRange(1, 50).Draw(t, "picks")) },
		"": func(*rapid.T) {
			if len(c.table) == 0 { // policies are asked only when there is someone
				c.join()
			}
		},
	})
}

// crowd is a table under churn.
type crowd struct {
	policy         policy.Policy
	table, drained []policy.Server
	revision       int64
	picked         []string       // ids, in order
	entered        map[string]int // len(picked) when the server came, last time
}

func (c *crowd) join() {
	c.revision++
	c.put(policy.Server{ID: fmt.Sprintf("s%d", c.revision), Revision: c.revision, Capacity: 1})
}

func (c *crowd) put(s policy.Server) {
	c.table = append(c.table, s)
	slices.SortFunc(c.table, byRegistration)
	c.entered[s.ID] = len(c.picked)
}

func (c *crowd) take(t *rapid.T) policy.Server {
	i := rapid.IntRange(0, len(c.table)-1).Draw(t, "which")
	s := c.table[i]
	c.table = slices.Delete(c.table, i, i+1)
	return s
}

func (c *crowd) pick(t *rapid.T, m policy.Maker, n int) {
	for i := range c.table {
		c.table[i].Assigned = 0
	}
	counts := assign(c.policy, c.table, seeded(3), n, func(id string) { c.picked = append(c.picked, id) })
	keeps(t, m, counts)
	if m.Shares != policy.Even {
		return
	}
	for i, a := range c.table {
		for _, b := range c.table[:i] {
			both := c.picked[max(c.entered[a.ID], c.entered[b.ID]):]
			if d := count(both, a.ID) - count(both, b.ID); d < -1 || d > 1 {
				t.Fatalf("while both %s and %s were there, one was picked %d times more: %v", a.ID, b.ID, max(d, -d), both)
			}
		}
	}
}

func count[T comparable](xs []T, want T) (n int) {
	for _, x := range xs {
		if x == want {
			n++
		}
	}
	return n
}

// shares: with equal servers whose assignments are counted, the picks fall as
// the Maker promises.
func shares(t *rapid.T, m policy.Maker) {
	table := equal(rapid.IntRange(1, 30).Draw(t, "n"))
	picks := rapid.IntRange(0, 300).Draw(t, "picks")
	keeps(t, m, assign(m.New(), table, seeded(rapid.Uint64().Draw(t, "seed")), picks, func(string) {}))
}

// assign picks n times as the balancer does, with no reports, and returns the counts.
func assign(p policy.Policy, table []policy.Server, rng *rand.Rand, n int, note func(id string)) []int {
	counts := make([]int, len(table))
	for range n {
		i := p.Pick(0, table, rng)
		table[i].Assigned++
		probe(p, 0, table, rng)
		counts[i]++
		note(table[i].ID)
	}
	return counts
}

// probe carries out what probes the policy wants, if it does.
func probe(p policy.Policy, now time.Duration, table []policy.Server, rng *rand.Rand) {
	prober, ok := p.(policy.Prober)
	if !ok {
		return
	}
	for _, i := range prober.Probes(table, rng) {
		s := &table[i]
		prober.Probed(now, policy.Probe{ID: s.ID, Revision: s.Revision, InFlight: s.InFlight + float64(s.Assigned), Latency: time.Millisecond})
	}
}

func keeps(t *rapid.T, m policy.Maker, counts []int) {
	spread := slices.Max(counts) - slices.Min(counts)
	switch m.Shares {
	case policy.First:
		if slices.ContainsFunc(counts[1:], func(c int) bool { return c > 0 }) {
			t.Fatalf("all picks go to the first; got %v", counts)
		}
	case policy.Even, policy.Loaded: // the own assignments are the only load
		if spread > 1 {
			t.Fatalf("counts may differ by 1; got %v", counts)
		}
	case policy.Weighted: // all weigh the same
		if spread > 2 {
			t.Fatalf("counts may differ by 2; got %v", counts)
		}
	case policy.Stale: // there was no report between these picks
		if picked := len(counts) - count(counts, 0); picked > 1 {
			t.Fatalf("all picks go to one server; got %v", counts)
		}
	case policy.Chance, policy.Pairs, policy.Probed: // see chance_test.go and prequal_test.go
	default:
		t.Fatalf("nobody checks the promise %q", m.Shares)
	}
}

func allocations(t *testing.T, m policy.Maker) {
	p, rng, table := m.New(), seeded(1), equal(12)
	pick := func() {
		p.Pick(0, table, rng)
		probe(p, 0, table, rng)
	}
	for range 100 {
		pick() // what is allocated once does not count
	}
	if n := testing.AllocsPerRun(100, pick); n != 0 {
		t.Errorf("%v allocations per pick, want none", n)
	}
}

// equal returns n idle servers of capacity 1.
func equal(n int) []policy.Server {
	out := make([]policy.Server, n)
	for i := range out {
		out[i] = policy.Server{ID: fmt.Sprintf("s%d", i+1), Revision: int64(i + 1), Capacity: 1}
	}
	return out
}

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

func BenchmarkPick(b *testing.B) {
	for _, m := range policy.All {
		for _, n := range []int{12, 10_000} {
			b.Run(fmt.Sprintf("policy=%s/servers=%d", m.Name, n), func(b *testing.B) {
				p, rng, table := m.New(), seeded(1), equal(n)
				b.ReportAllocs()
				for b.Loop() {
					table[p.Pick(0, table, rng)].Assigned++
				}
			})
		}
	}
}
