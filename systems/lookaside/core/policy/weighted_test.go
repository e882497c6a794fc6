package policy_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"dyno/systems/lookaside/core/policy"
)

// After any number of picks each server has its share to within a few, the
// more, the more servers there are that a round may or may not pass over.
func TestWeightedSharesFollowCapacity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := equal(rapid.IntRange(1, 20).Draw(t, "n"))
		total := 0.0
		for i := range table {
			table[i].Capacity = rapid.SampledFrom([]float64{0.05, 0.2, 0.5, 1, 3}).Draw(t, "capacity")
			total += table[i].Capacity
		}
		picks := rapid.IntRange(1, 2000).Draw(t, "picks")
		counts := assign(policy.WeightedRoundRobin.New(), table, seeded(1), picks, func(string) {})
		for i, c := range counts {
			if due := float64(picks) * table[i].Capacity / total; math.Abs(float64(c)-due) > 2.5 {
				t.Fatalf("after %d picks server %d of capacity %g has %d, due are %.1f: %v", picks, i, table[i].Capacity, c, due, counts)
			}
		}
	})
}

// A server of a fifth of the weight is picked in every fifth round, not five
// times in a row.
func TestWeightedIsSmooth(t *testing.T) {
	table := equal(3)
	table[1].Capacity = 0.2
	var gaps []int
	p, rng, last := policy.WeightedRoundRobin.New(), seeded(1), -1
	for k := range 200 {
		if p.Pick(0, table, rng) == 1 {
			if last >= 0 {
				gaps = append(gaps, k-last)
			}
			last = k
		}
	}
	if slices.Min(gaps) < 10 || slices.Max(gaps) > 12 {
		t.Errorf("picks between two of the slow server: %v, want 11 within 1", gaps)
	}
}

func TestWeightedByReports(t *testing.T) {
	load := func(qps, utilization, errors float64) policy.Server {
		return policy.Server{Capacity: 1, QPS: qps, Utilization: utilization, ErrorRate: errors}
	}
	for _, c := range []struct {
		name  string
		table []policy.Server
		want  []int // of 600
	}{
		{"rate at full utilisation", []policy.Server{load(10, 0.5, 0), load(20, 0.2, 0)}, []int{100, 500}},
		{"idle for the most part, and equally fast", []policy.Server{load(10, 0.1, 0), load(90, 0.9, 0)}, []int{300, 300}},
		{"reports count, capacity does not", []policy.Server{load(50, 1, 0), {Capacity: 9, QPS: 50, Utilization: 1}}, []int{300, 300}},
		{"errors cost", []policy.Server{load(100, 0.5, 50), load(100, 0.5, 0)}, []int{200, 400}},
		{"unknown: the others' in proportion to capacity", []policy.Server{load(100, 1, 0), {Capacity: 0.5}}, []int{400, 200}},
		{"nothing known: capacity", []policy.Server{{Capacity: 1}, {Capacity: 3}, {Capacity: 2}}, []int{100, 300, 200}},
		{"unknown for want of requests", []policy.Server{load(100, 0, 0), load(0, 1, 0)}, []int{300, 300}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for i := range c.table {
				c.table[i].ID, c.table[i].Revision = fmt.Sprintf("s%d", i+1), int64(i+1)
			}
			got := tally(policy.WeightedRoundRobin, c.table, 600)
			for i := range got {
				if d := got[i] - c.want[i]; d < -2 || d > 2 {
					t.Fatalf("picks %v, want %v", got, c.want)
				}
			}
		})
	}
}

// Weights that change under way take effect within a round, and what was
// carried over does not pile up.
func TestWeightedWeightsChange(t *testing.T) {
	table := equal(2)
	p, rng := policy.WeightedRoundRobin.New(), seeded(1)
	table[0].Capacity = 0.001
	for range 1000 {
		p.Pick(0, table, rng)
	}
	table[0].Capacity, table[1].Capacity = 1, 0.5
	if counts := assign(p, table, rng, 300, func(string) {}); counts[0] < 198 || counts[0] > 202 {
		t.Errorf("picks after the change %v, want 200 and 100", counts)
	}
}

// Of servers that come and go nothing is kept for ever.
func TestWeightedForgets(t *testing.T) {
	p, rng := policy.WeightedRoundRobin.New(), seeded(1)
	for round := range 1000 {
		table := equal(3)
		for i := range table {
			table[i].ID, table[i].Revision = fmt.Sprintf("s%d-%d", round, i), int64(3*round+i)
		}
		if counts := assign(p, table, rng, 9, func(string) {}); slices.Max(counts)-slices.Min(counts) > 2 {
			t.Fatalf("round %d: %v", round, counts)
		}
	}
}
