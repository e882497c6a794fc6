package trial

import (
	"context"
	"fmt"
	"time"

	"dyno/bench/load"
	"dyno/bench/queue"
	"dyno/internal/record"
	"dyno/systems/lookaside/core/theory"
	"dyno/systems/lookaside/simulator"
)

// kneeRequests is how many requests a probe of the knee has in the simulator:
// so many that probes hardly scatter, in less than a second for all of them.
const kneeRequests = 60_000

// observeKnee sets what the search is to find: by theory where a policy has one,
// and in the simulator, which has the queues and reports of the real thing and
// nothing else.
func (c *Config) observeKnee(ctx context.Context, o *record.Observation, l record.Load) error {
	if c.service == 0 {
		return nil // nothing is modelled
	}
	below := l.P99Below.Duration()
	if knee := c.theoryKnee(below); knee > 0 {
		o.Set("theory_knee_rps", knee)
	}
	knee, err := c.simulatedKnee(ctx, l)
	if err != nil {
		return fmt.Errorf("lookaside: the knee in the simulator: %w", err)
	}
	if knee > 0 {
		o.Set("simulated_knee_rps", knee)
	}
	return nil
}

// theoryKnee is the rate at which the 99th percentile by theory is a bound; 0
// where theory says nothing, or where not even an idle server keeps to it.
func (c *Config) theoryKnee(below time.Duration) float64 {
	if c.Text("distribution") != "exp" || !c.equal() {
		return 0
	}
	unit := float64(c.service) / c.capacities[0]
	low, high := 0.0, 1.0
	for range 40 {
		rho := (low + high) / 2
		p99 := theory.Of(c.policy, len(c.capacities), rho, 0).P99
		if p99 == 0 {
			return 0
		}
		if p99*unit <= float64(below) {
			low = rho
		} else {
			high = rho
		}
	}
	return low * c.speed() / c.service.Seconds()
}

// simulatedKnee does the same search in the simulator; 0: not even the lowest
// rate is held.
func (c *Config) simulatedKnee(ctx context.Context, l record.Load) (float64, error) {
	dist, err := queue.NewDistribution(c.Text("distribution"), c.service)
	if err != nil {
		return 0, err
	}
	goal := load.SearchGoal(l, 0, 0)
	f, err := load.NewFinder(goal)
	if err != nil {
		return 0, err
	}
	capacity := c.speed() / c.service.Seconds()
	for {
		rate, ok := f.Next()
		if !ok {
			return f.Knee().Held, nil
		}
		p := load.Probe{Rate: rate, Offered: kneeRequests, InTime: 0}
		if rate < capacity { // above it queues grow for ever
			r, err := simulator.Simulation{
				Policy: c.policy, Capacities: c.capacities, Service: dist, Interval: c.reportInterval, Seed: c.seed + uint64(rate),
				Load: rate / capacity, Warmup: kneeRequests / 2, Requests: kneeRequests,
			}.Run(ctx)
			if err != nil {
				return 0, err
			}
			if p.P99 = r.Responses.Quantile(0.99); p.P99 <= goal.Below {
				p.InTime = p.Offered
			}
		}
		f.Tell(p)
	}
}
