package simulator

import (
	"fmt"
	"testing"
	"time"

	"dyno/bench/queue"
	"dyno/bench/sim"
	"dyno/systems/lookaside/core/policy"
)

// simFoundWithin is what the design gives clients and servers to find a
// balancer that was restarted.
const simFoundWithin = 5 * time.Second

// simRestart kills the balancer, starts it at another address, and looks
// whether clients and servers use it in time. Virtual time: the machine's speed
// has no part in it.
func simRestart(m simMutant, back time.Duration) sim.Scenario {
	return func(w *sim.World) error {
		d, err := queue.NewDistribution("exp", 20*time.Millisecond)
		if err != nil {
			return err
		}
		s := &simWorld{
			World: w, policy: policy.LeastLoad, mutant: m, service: d, byInstance: map[string]*simServer{},
			think: sim.Delay{Tail: 60 * time.Millisecond},
		}
		s.populate()
		if err := w.RunUntil(back - time.Millisecond); err != nil {
			return err
		}
		before := make([]string, len(s.clients))
		for i, c := range s.clients {
			before[i] = c.address
		}
		if err := w.RunUntil(back + simFoundWithin); err != nil {
			return err
		}
		for i, c := range s.clients {
			if c.address == before[i] || before[i] == "" {
				return fmt.Errorf("%s asks %q still", c.name, c.address)
			}
			if err := c.stuck(back); err != nil {
				return err
			}
		}
		return s.settled()
	}
}

func TestRestartedBalancerIsFoundInTime(t *testing.T) {
	const killed, away = 2 * time.Second, 700 * time.Millisecond
	for seed := range uint64(50) {
		for mutant, found := range map[simMutant]bool{mutantNone: true, mutantStubborn: false} {
			cfg := simHunt(policy.LeastLoad, mutant, 1).Config
			cfg.Seed, cfg.Faults = seed, sim.Schedule{{At: killed, Kind: sim.Crash, Node: "lb", For: away}}
			if out := sim.Run(cfg, simRestart(mutant, killed+away)); (out.Err == nil) != found {
				t.Fatalf("seed %d, mutant %q: %v", seed, mutant, out.Err)
			}
		}
	}
}
