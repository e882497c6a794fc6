// Package simulator runs the cores of balancer and servers in virtual time:
// for theory and for thousands of servers ([Simulation]), and in its tests as
// the world in which schedules of faults are hunted that break them.
package simulator

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"dyno/bench/queue"
	"dyno/bench/sim"
	"dyno/systems/lookaside/core/balancer"
	"dyno/systems/lookaside/core/policy"
)

// Simulation is the balancer's core and the servers' queues in virtual time,
// on one heap of events, with a network that takes no time: what it measures
// is the policy. The cores are those that run behind gRPC; the hunt for faults
// runs them with a network that loses messages.
//
// Exactly one of Load and Clients must be above 0.
type Simulation struct {
	Policy     string             // as on the command line; required
	Capacities []float64          // of the servers, relative to a normal one; at least one
	Service    queue.Distribution // on a server of capacity 1; required, with a mean above 0

	// Load is the utilisation, above 0 and below 1, of an open loop: Poisson
	// arrivals at Load times what all servers can do.
	Load float64
	// Clients is the number of clients of a closed loop, each with one request
	// at a time and no pause in between.
	Clients int

	// Interval is the time between two reports, which all servers send at its
	// multiples. 0: they report whatever changes at once.
	Interval time.Duration

	Warmup   int // requests before the measured ones
	Requests int // measured; at least [MinRequests]
	Seed     uint64
}

// MinRequests is how many batches the measured requests are cut into: enough
// for a standard error that is itself within about 12 %, few enough for the
// batches to be independent of each other.
const MinRequests = 32

// slice is about how many requests are simulated between two looks at the
// context.
const slice = 100_000

// Run plays the simulation to its end, unless the context ends first. The same Simulation gives the same
// result. It is an error if a field is out of range, and if the books do not
// balance in the end: each request answered once, and at each server the area
// under the number in it equal to the sum of the times spent in it.
func (s Simulation) Run(ctx context.Context) (Result, error) {
	if err := s.check(); err != nil {
		return Result{}, err
	}
	w, err := sim.New(sim.Config{Seed: s.Seed, Limits: sim.Limits{Events: math.MaxInt, Time: 10_000 * time.Hour}})
	if err != nil {
		return Result{}, err
	}
	f := &farm{Simulation: s}
	w.Add("farm", func() sim.Node { return f })
	// In slices, so that it ends soon after the context does.
	slice := time.Duration(slice * float64(s.Service.Mean) / float64(len(s.Capacities)))
	for end := slice; !f.over; end += slice {
		if err := ctx.Err(); err != nil {
			return Result{}, err
		}
		if err := w.RunUntil(end); err != nil {
			return Result{}, err
		}
	}
	if err := f.balance(w.Now()); err != nil {
		return Result{}, err
	}
	return f.result(w.Now(), w.Stats().Events), nil
}

func (s Simulation) check() error {
	if _, err := policy.Lookup(s.Policy); err != nil {
		return err
	}
	switch {
	case len(s.Capacities) == 0 || len(s.Capacities) > balancer.MaxServers:
		return fmt.Errorf("simulation: %d servers, want 1 to %d", len(s.Capacities), balancer.MaxServers)
	case s.Service.Mean <= 0:
		return errors.New("simulation: Service has no mean above 0")
	case (s.Load > 0) == (s.Clients > 0) || s.Clients < 0 || !(s.Load >= 0 && s.Load < 1):
		return fmt.Errorf("simulation: Load is %v and Clients is %d, want one of them above 0, and Load below 1", s.Load, s.Clients)
	case s.Interval < 0 || s.Warmup < 0 || s.Requests < MinRequests:
		return fmt.Errorf("simulation: Interval %v and Warmup %d must not be negative, Requests %d at least %d",
			s.Interval, s.Warmup, s.Requests, MinRequests)
	}
	return nil
}

// ServerName names servers in the order in which they register, from s1.
func ServerName(i int) string { return "s" + strconv.Itoa(i+1) }
