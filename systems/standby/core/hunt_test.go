package core_test

import (
	"os"
	"strconv"
	"testing"
	"time"

	"dyno/bench/fault"
	"dyno/bench/sim"
	"dyno/internal/node/simhost"
	"dyno/systems/standby/core"
)

type simID = sim.ID

// seeds is how many a sweep tries: DYNO_SEEDS, for soaks, or a few hundred.
func seeds(few int) int {
	if n, err := strconv.Atoi(os.Getenv("DYNO_SEEDS")); err == nil {
		return n
	}
	return few
}

func (w world) hunt(n int) sim.Hunt {
	return sim.Hunt{
		Scenario: w.scenario, Seeds: n, First: 1, ShrinkRuns: 60,
		Config: sim.Config{
			Network: sim.Link{Delay: sim.Delay{Base: 100 * time.Microsecond, Tail: 200 * time.Microsecond}, Ordered: true},
			Sync:    sim.Delay{Base: 200 * time.Microsecond, Tail: 300 * time.Microsecond},
		},
		Profile: sim.Profile{
			Nodes: []string{"s1", "s2", "w"}, From: lease / 4, Until: 9 * lease, MaxFor: 3 * lease, Torn: 0.5, Swarm: true, Faults: 6,
			Kinds: []sim.Kind{fault.Kill, fault.Crash, fault.Pause, fault.Cut, fault.Drop, fault.Duplicate, fault.Delay},
		},
	}
}

var always = []string{"a snapshot is sent", "a repeated answer", "a tail is cut"} // in any mode

func TestSync(t *testing.T) {
	h := world{}.hunt(seeds(300))
	h.Sometimes = append(h.Sometimes, always...)
	for _, s := range steps {
		h.Sometimes = append(h.Sometimes, "paused when "+s)
	}
	sweep(t, h)
}

func TestAsync(t *testing.T) {
	h := world{async: true}.hunt(seeds(300))
	h.Sometimes = append(h.Sometimes, always...)
	h.Sometimes = append(h.Sometimes, "an acknowledged action is lost", "a client is told of a loss", "too late to reply")
	sweep(t, h)
}

func TestNoWitness(t *testing.T) { sweep(t, world{noWitness: true}.hunt(seeds(300))) }

func sweep(t *testing.T, h sim.Hunt) {
	t.Helper()
	begin := time.Now()
	s, err := h.Sweep(t.Context())
	if err != nil {
		t.Fatalf("%v\n%v", err, s)
	}
	if s.Failure != nil {
		t.Fatal(s.Failure)
	}
	t.Logf("%d seeds in %v\n%s", s.Seeds, time.Since(begin), s)
}

func TestRepeatable(t *testing.T) {
	h := world{}.hunt(1)
	h.Config.Seed = 7
	if err := sim.Repeatable(h.Config, h.Scenario); err != nil {
		t.Error(err)
	}
}

// Each flaw is hunted with the faults under which it shows.
func TestMutants(t *testing.T) {
	all := world{}.hunt(1).Profile
	cuts := all
	cuts.Kinds, cuts.Swarm, cuts.MinFor = []sim.Kind{fault.Pause, fault.Cut}, false, lease/2
	witness := cuts
	witness.Nodes, witness.Kinds = []string{"w"}, []sim.Kind{fault.Kill}
	witness.MinFor, witness.MaxFor, witness.Faults = lease/20, lease/8, 20
	for name, m := range map[string]struct {
		world
		sim.Profile
	}{
		"no fencing":                 {world{mutant: core.Mutant{NoFencing: true}}, all},
		"acknowledged too early":     {world{mutant: core.Mutant{Eager: true}}, all},
		"replies not replicated":     {world{mutant: core.Mutant{Amnesiac: true}}, all},
		"lease on the wall clock":    {world{clockSteps: true}, cuts},
		"lease without margin":       {world{mutant: core.Mutant{Hopeful: true}, late: true}, cuts},
		"alone without a word":       {world{mutant: core.Mutant{Undisclosed: true}}, cuts},
		"a cut is not written down":  {world{mutant: core.Mutant{Uncut: true}, async: true}, all},
		"an epoch is not written":    {world{mutant: core.Mutant{Forgetful: true}, noWitness: true}, all},
		"sent before durable":        {world{hasty: true}, all},
		"witness forgets":            {world{witnessMutant: core.WitnessMutant{Forgetful: true}}, all},
		"witness's restart is hasty": {world{witnessMutant: core.WitnessMutant{Hasty: true}, async: true}, witness},
		"witness trusts anybody":     {world{witnessMutant: core.WitnessMutant{Trusting: true}}, all},
	} {
		t.Run(name, func(t *testing.T) {
			h := m.hunt(seeds(3000))
			h.Profile = m.Profile
			f, err := h.Run(t.Context())
			if err != nil || f == nil {
				t.Fatalf("found nothing: %v", err)
			}
			t.Logf("seed %d: %v", f.Seed, f.Shrunk.Err)
		})
	}
}

func TestDurability(t *testing.T) {
	found, err := world{}.hunt(seeds(400)).Weaken(t.Context(), simhost.ForOpen)
	if err != nil {
		t.Error(err)
	}
	for purpose, f := range found {
		t.Logf("%s: seed %d: %v", purpose, f.Seed, f.Shrunk.Err)
	}
}
