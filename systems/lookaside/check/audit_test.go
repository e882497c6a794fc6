package check

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"dyno/internal/record"
	"dyno/systems/lookaside/core/balancer"
	"dyno/systems/lookaside/core/policy"
)

// audited is what the audit of a balancer says after so many picks for servers
// whose loads come and go: reports every tenth pick, of the requests that are
// still there, some of which end in between.
func audited(t *testing.T, promise policy.Maker, mutant string, servers, picks int, seed uint64) record.Check {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	b := balancer.New(balancer.Config{
		Policy: policy.Mutate(promise.New(), mutant), Promise: promise.Audited(), Rand: rand.New(rand.NewPCG(seed, 2)),
	})
	busy := make(map[string]int64)
	for i := range servers {
		id := fmt.Sprintf("s%d", i+1)
		capacity := 1.0
		if i == 1 {
			capacity = 0.2
		}
		if err := b.Join(balancer.Member{ID: id, Instance: "a", Address: "x", Capacity: capacity, Revision: int64(i)}); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Duration(0)
	for n := range picks {
		now += time.Millisecond
		p, err := b.Pick(now)
		if err != nil {
			t.Fatal(err)
		}
		busy[p.ID]++
		for i := range servers {
			if id := fmt.Sprintf("s%d", i+1); busy[id] > 0 && rng.IntN(servers) == 0 {
				busy[id]--
			}
		}
		if i := n % (10 * servers); i%10 == 0 {
			id := fmt.Sprintf("s%d", i/10+1)
			if err := b.Report(now, balancer.Report{ID: id, Instance: "a", Sequence: uint64(n + 1), InFlight: busy[id], Latency: time.Duration(1+rng.IntN(20)) * time.Millisecond}); err != nil {
				t.Fatal(err)
			}
		}
	}
	h := History{Policy: promise.Name, Audit: Audit(b.Audit())}
	for _, r := range b.Rows(now) {
		h.Servers = append(h.Servers, Server{ID: r.ID, Instance: r.Instance, Picks: r.Picks, Tally: Tally{Picks: r.Tally.Picks, Expected: r.Tally.Expected, Variance: r.Tally.Variance}})
	}
	if h.Audit.Picks == 0 {
		return record.Check{}
	}
	return h.audit()
}

var auditedPolicies = []policy.Maker{policy.LeastLoad, policy.PowerOfTwo, policy.Random}

// Honest policies are not accused, whatever the seed: at a rate of one in
// 10,000 not one of these is to be expected.
func TestAuditAcquits(t *testing.T) {
	for _, m := range auditedPolicies {
		for seed := range uint64(100) {
			if c := audited(t, m, policy.MutantNone, 2+int(seed%14), 300, seed); c.Status != record.Valid || c.Examined == 0 {
				t.Errorf("%s, seed %d: %+v", m.Name, seed, c)
			}
		}
	}
}

// Policies that promise nothing of single picks are not audited, and none of
// all is accused. A policy may go by the time that requests take, too.
func TestAuditAccusesNoPolicy(t *testing.T) {
	for _, m := range policy.All {
		for seed := range uint64(20) {
			if c := audited(t, m, policy.MutantNone, 12, 500, seed); c.Status == record.Invalid {
				t.Errorf("%s, seed %d: %+v", m.Name, seed, c)
			}
		}
	}
}

// A hidden coin and a favourite are found, every time.
func TestAuditConvicts(t *testing.T) {
	for _, m := range auditedPolicies {
		for _, mutant := range policy.Mutants[1:] {
			if m.Name == "random" && mutant == policy.MutantCoin {
				continue // it is what it promises
			}
			for seed := range uint64(25) {
				if c := audited(t, m, mutant, 12, 2000, seed); c.Status != record.Invalid {
					t.Errorf("%s, mutant %s, seed %d: %+v", m.Name, mutant, seed, c)
				}
			}
		}
	}
}

// worst keeps to what may be drawn, and takes the worse of two.
type worst struct{ policy.Policy }

func (worst) Pick(_ time.Duration, servers []policy.Server, rng *rand.Rand) int {
	i, j := rng.IntN(len(servers)), rng.IntN(len(servers)-1)
	if j >= i {
		j++
	}
	if servers[i].InFlight+float64(servers[i].Assigned) > servers[j].InFlight+float64(servers[j].Assigned) {
		return i
	}
	return j
}

// ties gives the first of those alike every pick.
type ties struct{ policy.Policy }

func (ties) Pick(_ time.Duration, servers []policy.Server, _ *rand.Rand) int {
	loads := make([]float64, len(servers))
	policy.Loads(servers, loads)
	best := 0
	for i, l := range loads {
		if l < loads[best] {
			best = i
		}
	}
	return best
}

func TestAuditConvictsSubtle(t *testing.T) {
	for _, c := range []struct {
		name string
		lie  policy.Policy
		says policy.Maker
	}{
		{"the worse of two", worst{}, policy.PowerOfTwo},
		{"the first of those alike", ties{}, policy.LeastLoad},
		{"the best of all for the better of two", ties{}, policy.PowerOfTwo},
	} {
		m := c.says
		m.New = func() policy.Policy { return c.lie }
		for seed := range uint64(10) {
			if got := audited(t, m, policy.MutantNone, 12, 2000, seed); got.Status != record.Invalid {
				t.Errorf("%s, seed %d: %+v", c.name, seed, got)
			}
		}
	}
}

// Chances add up to one, and the better server never has the smaller one.
func TestChances(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 1000 {
		loads := make([]float64, 1+rng.IntN(8))
		for i := range loads {
			loads[i] = float64(rng.IntN(4))
		}
		p := make([]float64, len(loads))
		for _, promise := range []policy.Shares{policy.Loaded, policy.Pairs, policy.Chance} {
			if !policy.Chances(promise, loads, p) {
				t.Fatalf("%s says nothing", promise)
			}
			sum := 0.0
			for i := range p {
				sum += p[i]
				for j := range p {
					if loads[i] < loads[j] && p[i] < p[j] {
						t.Errorf("%s: loads %v, chances %v", promise, loads, p)
					}
				}
			}
			if sum < 1-1e-9 || sum > 1+1e-9 {
				t.Errorf("%s: loads %v, chances %v", promise, loads, p)
			}
		}
	}
	if policy.Chances(policy.Even, []float64{1}, []float64{0}) {
		t.Error("turns promise nothing of single picks")
	}
}

// Picks that are changed behind the policy's back are in the balancer's counts
// and not in the audit.
func TestAuditIsOfAllPicks(t *testing.T) {
	h := History{Policy: "random", Audit: Audit{Picks: 100}}
	for range 4 {
		h.Servers = append(h.Servers, Server{Picks: 25, Tally: Tally{Picks: 25, Expected: 25, Variance: 18.75}})
	}
	if c := h.audit(); c.Status != record.Valid {
		t.Fatalf("%+v", c)
	}
	h.Servers[0].Picks, h.Servers[3].Picks = 26, 24
	if c := h.audit(); c.Status != record.Invalid {
		t.Errorf("%+v", c)
	}
}
