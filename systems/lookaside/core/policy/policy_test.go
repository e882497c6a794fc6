package policy_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"dyno/systems/lookaside/core/policy"
)

func TestNames(t *testing.T) {
	names := policy.Names()
	for _, want := range []string{"pick_first", "round_robin", "least_load"} {
		if !slices.Contains(names, want) {
			t.Errorf("no policy %s among %v", want, names)
		}
	}
	if sorted := slices.Sorted(slices.Values(names)); len(slices.Compact(sorted)) != len(names) {
		t.Errorf("a name stands twice in %v", names)
	}
	for _, n := range names {
		if p, err := policy.New(n); err != nil || p == nil {
			t.Errorf("New(%q) = %v, %v", n, p, err)
		}
	}
	_, err := policy.New("round_robbin")
	if err == nil || !strings.Contains(err.Error(), "round_robbin") || !strings.Contains(err.Error(), "round_robin") {
		t.Errorf("New of an unknown name: %v; want an error with the name and what is allowed", err)
	}
}

// picks returns the ids of the next n picks.
func picks(t *testing.T, p policy.Policy, table []policy.Server, n int) string {
	t.Helper()
	var ids []string
	for range n {
		ids = append(ids, table[p.Pick(0, table, seeded(1))].ID)
	}
	return strings.Join(ids, " ")
}

func TestRoundRobinMembership(t *testing.T) {
	without := func(table []policy.Server, id string) []policy.Server {
		return slices.DeleteFunc(slices.Clone(table), func(s policy.Server) bool { return s.ID == id })
	}
	five := equal(5)
	joined := append(slices.Clone(five), policy.Server{ID: "s6", Revision: 6, Capacity: 1})
	again := append(without(five, "s2"), policy.Server{ID: "s2", Revision: 6, Capacity: 1})
	for _, c := range []struct {
		name   string
		before int // picks among five servers
		table  []policy.Server
		want   string
	}{
		{"nothing happens", 3, five, "s4 s5 s1 s2 s3 s4"},
		{"the one at the cursor leaves", 2, without(five, "s2"), "s3 s4 s5 s1 s3 s4"},
		{"the next one leaves", 2, without(five, "s3"), "s4 s5 s1 s2 s4 s5"},
		{"one behind the cursor leaves", 3, without(five, "s1"), "s4 s5 s2 s3 s4 s5"},
		{"the last one leaves at the end of a round", 5, without(five, "s5"), "s1 s2 s3 s4 s1 s2"},
		{"all but one leave", 3, five[1:2], "s2 s2"},
		{"one joins in mid-round", 2, joined, "s3 s4 s5 s6 s1 s2"},
		{"one joins at the end of a round", 5, joined, "s6 s1 s2 s3 s4 s5"},
		{"one registers again and goes last", 1, again, "s3 s4 s5 s2 s1 s3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := policy.RoundRobin.New()
			picks(t, p, five, c.before)
			n := strings.Count(c.want, " ") + 1
			if got := picks(t, p, c.table, n); got != c.want {
				t.Errorf("next picks %s, want %s", got, c.want)
			}
		})
	}
}

// Revisions may be equal (0, before etcd has spoken): the id then decides.
func TestRoundRobinEqualRevisions(t *testing.T) {
	table := equal(3)
	for i := range table {
		table[i].Revision = 0
	}
	if got := picks(t, policy.RoundRobin.New(), table, 7); got != "s1 s2 s3 s1 s2 s3 s1" {
		t.Errorf("picks %s", got)
	}
}

func TestLeastLoadScore(t *testing.T) {
	for _, c := range []struct {
		name  string
		table []policy.Server
		want  int
	}{
		{"in flight", []policy.Server{{Capacity: 1, InFlight: 3}, {Capacity: 1, InFlight: 2}}, 1},
		{"own picks count", []policy.Server{{Capacity: 1, InFlight: 1, Assigned: 2}, {Capacity: 1, InFlight: 2}}, 1},
		{"capacity divides", []policy.Server{{Capacity: 1, InFlight: 2}, {Capacity: 4, InFlight: 8}}, 1},
		{"idle: the faster one", []policy.Server{{Capacity: 0.2}, {Capacity: 1}}, 1},
		{"five times slower, and still its turn", []policy.Server{{Capacity: 0.2}, {Capacity: 1, InFlight: 5}}, 0},
		{"errors count", []policy.Server{{Capacity: 1, ErrorRate: 30}, {Capacity: 1, InFlight: 9}}, 1},
		{"few errors count little", []policy.Server{{Capacity: 1, ErrorRate: 2}, {Capacity: 1, InFlight: 9}}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			for seed := range uint64(20) {
				if got := policy.LeastLoad.New().Pick(0, c.table, seeded(seed)); got != c.want {
					t.Fatalf("picked %d, want %d", got, c.want)
				}
			}
		})
	}
}

// Ties are broken uniformly: over 30,000 picks among 3 tied of 5 each has a
// third, within five standard deviations.
func TestLeastLoadTies(t *testing.T) {
	table := equal(5)
	table[1].InFlight, table[3].InFlight = 4, 5
	const n = 30_000
	var counts [5]int
	p, rng := policy.LeastLoad.New(), seeded(11)
	for range n {
		counts[p.Pick(0, table, rng)]++
	}
	slack := 5 * math.Sqrt(n*(1.0/3)*(2.0/3))
	for i, c := range counts {
		want := n / 3.0
		if i == 1 || i == 3 {
			want = 0
		}
		if math.Abs(float64(c)-want) > slack || (want == 0 && c > 0) {
			t.Errorf("counts %v: server %d should have %v ± %.0f", counts, i, want, slack)
		}
	}
}
