package simulator

import (
	"cmp"
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"dyno/bench/queue"
	"dyno/bench/sim"
	"dyno/internal/record"
	"dyno/systems/lookaside/check"
	"dyno/systems/lookaside/core/policy"
	"dyno/systems/lookaside/core/seed"
)

var simSeed = flag.Uint64("sim.seed", 0, "play this one seed of the simulated balancer and show its faults and its trace")

const (
	simInterval = 100 * time.Millisecond // of reports

	simDirectoryID sim.ID = 0
	simBalancerID  sim.ID = 1

	simServerCount = 4
	simClientCount = 3

	simFaultsOver = 7 * time.Second
	simSettled    = simFaultsOver + 4*time.Second // from here on all must be well
	simEnd        = simSettled + 2*time.Second
)

// simWorld is one world and what its nodes share for the check alone.
type simWorld struct {
	*sim.World
	policy     policy.Maker
	mutant     simMutant
	service    queue.Distribution
	think      sim.Delay
	lives      []*simServer // all of all servers
	byInstance map[string]*simServer
	clients    []*simClient
}

// simScenario is the system under one policy, perhaps with a flaw.
func simScenario(p policy.Maker, m simMutant) sim.Scenario {
	return func(w *sim.World) error {
		d, err := queue.NewDistribution("exp", 20*time.Millisecond)
		if err != nil {
			return err
		}
		s := &simWorld{
			World: w, policy: p, mutant: m, service: d, byInstance: map[string]*simServer{},
			think: sim.Delay{Tail: 60 * time.Millisecond},
		}
		s.populate()
		if err := w.RunUntil(simEnd); err != nil {
			return err
		}
		return s.judge()
	}
}

// populate adds the nodes. One server in each world drains at some time.
func (s *simWorld) populate() {
	s.Add("etcd", newSimDirectory)
	s.Add("lb", func() sim.Node { return &simBalancer{world: s} })
	drains := int(s.Seed() % simServerCount)
	for i := range simServerCount {
		var at time.Duration
		if i == drains {
			at = time.Second + time.Duration(seed.Mix(s.Seed())%uint64(simFaultsOver))
		}
		s.Add(ServerName(i), func() sim.Node { return &simServer{world: s, id: ServerName(i), drainAt: at} })
	}
	for i := range simClientCount {
		c := &simClient{world: s, name: fmt.Sprintf("c%d", i+1)}
		s.clients = append(s.clients, c)
		s.Add(c.name, func() sim.Node { return c }) // clients are never struck: one life
	}
}

// judge says what is wrong in the end: the books, and who is stuck.
func (s *simWorld) judge() error {
	h := check.History{Asked: true, Faults: true, Policy: s.policy.Name}
	for _, l := range s.lives {
		h.Servers = append(h.Servers, l.history())
	}
	for _, c := range s.clients {
		if err := c.stuck(simSettled); err != nil {
			return err
		}
		h.Clients = append(h.Clients, c.history())
	}
	for _, c := range h.Checks() {
		if c.Status == record.Invalid {
			return fmt.Errorf("check %s: %s", c.Name, c.Detail)
		}
	}
	return s.settled()
}

// settled: each server that lives and does not drain is in the table and has
// reported of late.
func (s *simWorld) settled() error {
	rows := map[string]time.Duration{}
	for _, r := range s.Node(simBalancerID).(*simBalancer).core.Rows(s.Now()) {
		rows[r.Instance] = r.ReportAge
	}
	for i := range simServerCount {
		l := s.Node(simBalancerID + 1 + sim.ID(i)).(*simServer)
		if age, ok := rows[l.instance]; !l.draining && (!ok || age < 0 || age > 2*simInterval) {
			return fmt.Errorf("%s lives: in the table %v, its last report %v ago", l.instance, ok, age)
		}
	}
	return nil
}

func simHunt(p policy.Maker, m simMutant, seeds int) sim.Hunt {
	nodes := []string{"lb"}
	for i := range simServerCount {
		nodes = append(nodes, ServerName(i))
	}
	return sim.Hunt{
		Scenario: simScenario(p, m),
		Config:   sim.Config{Network: sim.Link{Delay: sim.Delay{Base: 200 * time.Microsecond, Tail: 100 * time.Microsecond}}},
		Profile: sim.Profile{
			Nodes: nodes, From: 500 * time.Millisecond, Until: simFaultsOver, Faults: 6,
			MinFor: 20 * time.Millisecond, MaxFor: 4 * time.Second, MaxDelay: 300 * time.Millisecond,
		},
		Seeds: seeds, First: 1,
		ShrinkRuns: 300,
	}
}

// hunted runs a hunt, or shows the one seed that is asked for and ends the test.
func hunted(t *testing.T, h sim.Hunt) *sim.Failure {
	t.Helper()
	if *simSeed != 0 {
		out := h.Try(*simSeed)
		t.Logf("seed %d: %v\n%s\n%s", *simSeed, out.Err, out.Faults, out.Trace)
		t.SkipNow()
	}
	h.Replay = func(seed uint64) string {
		return fmt.Sprintf("go test ./systems/lookaside -run '^%s$' -v -sim.seed=%d", strings.ReplaceAll(t.Name(), "/", "$/^"), seed)
	}
	f, err := h.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// The cores, apply and Register as they are, under seeded faults: nothing may
// be found. Servers are taken to know the create revision of their key, as
// [directory.Directory.Announce] promises; [mutantRevision] is what it means if they do not.
// DYNO_SEEDS says how many seeds a policy has (make soak: 2000). Without it they are
// ten times as many as most mutants take.
func TestSimulatedFaults(t *testing.T) {
	given := 0
	if text := os.Getenv("DYNO_SEEDS"); text != "" {
		var err error
		if given, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range policy.All {
		t.Run(p.Name, func(t *testing.T) {
			seeds := 200
			switch p.Shares {
			case policy.First, policy.Even, policy.Loaded:
			default:
				seeds = 40 // the referee has less to say of their picks
			}
			seeds = cmp.Or(given, seeds)
			if f := hunted(t, simHunt(p, mutantNone, seeds)); f != nil {
				t.Errorf("\n%s", f)
			}
		})
	}
}

// With a flaw put in, each must be found within as many seeds.
func TestSimulatedFaultsFindMutants(t *testing.T) {
	for _, c := range []struct {
		mutant simMutant
		policy policy.Maker
		seeds  int
		aim    func(*sim.Profile) // where the faults that it needs are rare
	}{
		{mutantLeave, policy.RoundRobin, 20, nil},
		{mutantDeaf, policy.RoundRobin, 50, func(p *sim.Profile) { p.Kinds, p.MinFor = []sim.Kind{sim.Crash, sim.Pause}, 3*time.Second }},
		{mutantReports, policy.LeastLoad, 100, nil},
		{mutantDraining, policy.RoundRobin, 20, nil},
		{mutantForgets, policy.LeastLoad, 20, nil},
		{mutantCursor, policy.RoundRobin, 20, nil},
		{mutantLast, policy.PickFirst, 20, nil},
		{mutantEarly, policy.PickFirst, 200, func(p *sim.Profile) { p.Kinds, p.Nodes = []sim.Kind{sim.Crash, sim.Drop}, []string{"lb"} }},
		{mutantTwice, policy.RoundRobin, 20, nil},
		{mutantAnyAnswer, policy.RoundRobin, 200, func(p *sim.Profile) { p.Kinds = []sim.Kind{sim.Delayed} }},
		{mutantRevision, policy.RoundRobin, 200, func(p *sim.Profile) {
			p.Kinds, p.MaxP, p.MinFor, p.Faults = []sim.Kind{sim.Drop}, 0.8, 1500*time.Millisecond, 10
		}},
		{mutantStubborn, policy.RoundRobin, 20, nil},
	} {
		t.Run(string(c.mutant), func(t *testing.T) {
			h := simHunt(c.policy, c.mutant, c.seeds)
			if c.aim != nil {
				c.aim(&h.Profile)
			}
			f := hunted(t, h)
			if f == nil {
				t.Fatalf("%d seeds found nothing", c.seeds)
			}
			t.Logf("seed %d, %d of %d faults, %d runs: %v\n%s", f.Seed, len(f.Shrunk.Faults), len(f.Original), f.Shrunk.Runs, f.Shrunk.Err,
				f.Shrunk.Faults)
			if replay := fmt.Sprintf("-sim.seed=%d", f.Seed); !strings.Contains(f.String(), replay) {
				t.Errorf("the message does not say %s:\n%s", replay, f)
			}
		})
	}
}

func TestSimulatedWorldsRepeat(t *testing.T) {
	for _, p := range policy.All {
		h := simHunt(p, mutantNone, 1)
		hashes := map[[32]byte]bool{}
		for seed := range uint64(3) {
			a, b := h.Try(seed), h.Try(seed)
			sum := sha256.Sum256(a.Trace)
			if sum != sha256.Sum256(b.Trace) || len(a.Trace) == 0 {
				t.Errorf("%s, seed %d: two runs differ", p.Name, seed)
			}
			hashes[sum] = true
		}
		if len(hashes) != 3 {
			t.Errorf("%s: three seeds gave %d traces", p.Name, len(hashes))
		}
	}
}

// One operation is one world of the hunt: 13 virtual seconds.
func BenchmarkSimulatedWorlds(b *testing.B) {
	h := simHunt(policy.LeastLoad, mutantNone, 1)
	var events uint64
	requests := 0
	scenario := h.Scenario
	b.ReportAllocs()
	for seed := uint64(1); b.Loop(); seed++ {
		faults, err := sim.Generate(seed, h.Profile)
		if err != nil {
			b.Fatal(err)
		}
		cfg := h.Config
		cfg.Seed, cfg.Faults = seed, faults
		out := sim.Run(cfg, func(w *sim.World) error {
			err := scenario(w)
			for id := simBalancerID + 1 + simServerCount; id < simBalancerID+1+simServerCount+simClientCount; id++ {
				requests += int(w.Node(id).(*simClient).requests)
			}
			return err
		})
		if out.Err != nil {
			b.Fatal(out.Err)
		}
		events += out.Stats.Events
	}
	b.ReportMetric(float64(events)/float64(b.N), "events/op")
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(requests)/b.Elapsed().Seconds(), "requests/s")
}
