package trial

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"dyno/bench/queue"
	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/lookaside/core/theory"
	"dyno/systems/lookaside/knobs"
	"dyno/systems/lookaside/simulator"
)

const (
	// simRate is how many requests one second of an experiment's warm-up and
	// length stands for in the simulator: about what it does in a second, so that
	// plans come out right. The number is fixed, so that a seed repeats a trial.
	simRate = 1_000_000

	// maxSimFactor bounds by how much a trial at a high utilisation is longer.
	maxSimFactor = 4
)

// Overhead is what a trial takes beside its warm-up and window: processes have
// to be started, a simulation has none; near capacity it is longer, see
// [maxSimFactor].
func Overhead(v systems.Values) time.Duration {
	switch {
	case v.Text("world") != knobs.Simulator:
		return 200*time.Millisecond + time.Duration(v.Int("servers"))*30*time.Millisecond + drain(v)
	case v.Float("offered-load") > 0.85:
		return 800 * time.Millisecond
	}
	return 50 * time.Millisecond // for the warm-up that it adds, and for its books
}

// drain is what the last queue takes: where one server is slow and nobody looks,
// all clients wait for it in the end.
func drain(v systems.Values) time.Duration {
	speeds := v.Floats("capacity")
	if v.Text("policy") != "round_robin" || len(speeds) == 0 {
		return 0
	}
	return time.Duration(float64(v.Int("clients")) * float64(v.Duration("service-time")) / slices.Min(speeds))
}

// simulateTrial measures one configuration in the simulator.
func simulateTrial(ctx context.Context, b systems.Bench, c Config) (record.Observation, error) {
	s, err := c.simulation(b.Setting())
	if err != nil {
		return record.Observation{}, err
	}
	began := time.Now()
	r, err := s.Run(ctx)
	if err != nil {
		return record.Observation{}, fmt.Errorf("lookaside: %w", err)
	}
	took := time.Since(began)
	b.Logf("%d servers, policy %s: %d requests simulated in %v",
		len(c.capacities), c.policy, s.Warmup+s.Requests, took.Round(time.Millisecond))
	o := c.observeSimulation(&s, &r)
	o.Set("simulated_rps", float64(s.Warmup+s.Requests)/took.Seconds())
	return o, nil
}

// simulation is the configuration as the simulator runs it.
//
// In an open loop of utilisation ρ the relative standard error of a mean is
// √(2(1+ρ)/(ρ(1−ρ)²N)) for N requests: the measured requests grow with ρ such
// that it stays what it is at 0.8, up to maxSimFactor times as many, and it is warmed up for three relaxation
// times of a queue at least, since it begins empty.
func (c *Config) simulation(set systems.Setting) (simulator.Simulation, error) {
	dist, err := queue.NewDistribution(c.Text("distribution"), c.service)
	if err != nil {
		return simulator.Simulation{}, &systems.UsageError{Err: err}
	}
	s := simulator.Simulation{
		Policy: c.policy, Capacities: c.capacities, Service: dist, Interval: c.reportInterval, Seed: c.seed,
		Warmup: int(set.Warmup.Seconds() * simRate), Requests: max(int(set.Length.Seconds()*simRate), simulator.MinRequests),
	}
	if c.rate == 0 {
		s.Clients = c.clients
		s.Warmup = max(s.Warmup, 10*c.clients)
		return s, nil
	}
	s.Load = c.rate * c.service.Seconds() / c.speed()
	if !(s.Load < 1) {
		return s, systems.Usagef("offered-load %.3g: in the simulator queues would grow for ever; give less than 1", s.Load)
	}
	s.Requests = int(float64(s.Requests) * min(max(spread(s.Load)/spread(0.8), 1), maxSimFactor))
	s.Warmup = max(s.Warmup, int(3*theory.Relaxation(s.Load)*s.Load*c.speed()))
	return s, nil
}

// spread is how much the mean of many response times scatters, as a variance.
func spread(rho float64) float64 { return 2 * (1 + rho) / (rho * (1 - rho) * (1 - rho)) }

// observeSimulation turns a simulation into figures and their proof. Times are
// virtual, of the same service-time model as in processes.
func (c *Config) observeSimulation(s *simulator.Simulation, r *simulator.Result) record.Observation {
	n := int64(s.Requests)
	o := record.Observation{Counts: record.Counts{Offered: n, Sent: n, OK: n}, Verdict: record.Judge(r.Checks()...), Evidence: r.Evidence()}
	window := r.Window.Seconds()
	o.Set("throughput_rps", float64(s.Requests)/window)
	o.SetHistogram("response", r.Responses)
	o.Set("in_flight", r.InFlight)
	names, requests, busy := make([]string, len(r.Busy)), make([]float64, len(r.Busy)), make([]float64, len(r.Busy))
	for i := range r.Busy {
		names[i], requests[i], busy[i] = simulator.ServerName(i), float64(r.Answered[i]), r.Busy[i].Seconds()/window
	}
	o.Set("jain_requests", jain(requests))
	o.Set("jain_busy", jain(busy))
	if len(names) <= knobs.MaxServers {
		o.SetVector("requests", names, requests)
		o.SetVector("utilization", names, busy)
	}
	c.observeTheory(&o)
	return o
}

// observeTheory sets what theory has to say of the configuration.
func (c *Config) observeTheory(o *record.Observation) {
	if bound, ok := c.asymptote(); ok && c.rate == 0 {
		o.Set("theory_throughput_rps", bound)
	}
	rho := c.rate * c.service.Seconds() / c.speed()
	if !(rho > 0 && rho < 1) || c.Text("distribution") != "exp" || !c.equal() {
		return
	}
	unit := float64(c.service) / float64(time.Millisecond) / c.capacities[0]
	t := theory.Of(c.policy, len(c.capacities), rho, float64(c.reportInterval)/float64(c.service)*c.capacities[0])
	for name, x := range map[string]float64{"theory_mean_ms": t.Mean, "theory_p99_ms": t.P99, "theory_floor_ms": t.Floor} {
		if x > 0 && !math.IsInf(x, 0) {
			o.Set(name, x*unit)
		}
	}
}
