package load_test

import (
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dyno/bench/load"
	"dyno/bench/queue"
	"dyno/internal/record"
)

// near fails unless got is within a share of want.
func near(t *testing.T, what string, got, want time.Duration, within float64) {
	t.Helper()
	off := float64(got)/float64(want) - 1
	t.Logf("%-20s %12v, theory %12v: %+.2f %%", what, got, want, 100*off)
	if math.Abs(off) > within {
		t.Errorf("%s is %v, want %v within %.0f %%", what, got, want, 100*within)
	}
}

// stalling answers after a millisecond, but nothing from the 4th second to the
// 7th: then everything.
func stalling() load.Op {
	began := sync.OnceValue(time.Now)
	return func(context.Context, int) (int32, record.Outcome) {
		end := time.Since(began()) + ms
		if end >= 4*time.Second && end < 7*time.Second {
			end = 7 * time.Second
		}
		time.Sleep(end - time.Since(began()))
		return 0, record.OK
	}
}

// The bench tests itself. A server is stopped for 3 of 12 s. Who calls at any
// time has a chance of 1/4 to meet that, and then waits for 0 to 3 s, each as
// likely: 375 ms in the mean, 1.8 s, 2.4 s and 2.88 s at p90, p95 and p99.
func TestOpenLoopSeesAStall(t *testing.T) {
	o := constant(100)
	o.Length = 12 * time.Second
	r := open(t, o, stalling())
	if r.Counts.OK != 1200 || r.Clients != 300 {
		t.Errorf("%+v, up to %d at once", r.Counts, r.Clients)
	}
	near(t, "mean", r.Latency.Mean(), 375*ms, 0.05)
	near(t, "p90", r.Latency.Quantile(0.9), 1800*ms, 0.05)
	near(t, "p95", r.Latency.Quantile(0.95), 2400*ms, 0.05)
	near(t, "p99", r.Latency.Quantile(0.99), 2880*ms, 0.05)
}

// Clients that wait for each other's answers hardly see the same stall: each
// of the ten meets it once, in thousands of calls. This is coordinated
// omission, as a fact that holds for any closed loop.
func TestClosedLoopOmitsAStall(t *testing.T) {
	r := run(t, load.Closed{Clients: 10, Length: 12 * time.Second}, stalling())
	if p99 := r.Latency.Quantile(0.99); p99 > 2*ms {
		t.Errorf("p99 is %v: where did the stall go?", p99)
	}
	if mean := r.Latency.Mean(); mean > 2*ms {
		t.Errorf("mean is %v, which is not visibly less than 375 ms", mean)
	}
	if longest := r.Latency.Max().Round(10 * ms); longest != 3*time.Second {
		t.Errorf("the longest is %v: the stall was not there at all", longest)
	}
}

// A single server with exponential service times and Poisson arrivals is an
// M/M/1 queue: response times are exponential with mean S/(1-ρ), and by
// Little's law ρ/(1-ρ) requests are in the system.
func TestOpenLoopAgainstMM1(t *testing.T) {
	for _, c := range []struct {
		rho  float64
		runs int // of 100 000 operations: the longer queues are, the slower they forget
	}{{0.5, 1}, {0.7, 2}, {0.8, 4}} {
		const service, n = 10 * ms, 100_000
		rate := c.rho / service.Seconds()
		pooled := record.NewHistogram()
		var inFlight float64
		for seed := range uint64(c.runs) {
			exp, err := queue.NewDistribution("exp", service)
			if err != nil {
				t.Fatal(err)
			}
			server := serving(queue.NewFCFS(1, exp, rand.New(rand.NewPCG(seed, 0))))
			o := load.Open{Arrivals: "poisson", Rate: rate, Seed: seed, Warmup: 10 * time.Second, Length: time.Duration(n / rate * 1e9)}
			r := open(t, o, server)
			pooled.Merge(r.Latency)
			inFlight += r.InFlight / float64(c.runs)
		}
		mean := time.Duration(float64(service) / (1 - c.rho))
		t.Logf("ρ = %v, %d operations", c.rho, pooled.Count())
		near(t, "mean", pooled.Mean(), mean, 0.05)
		near(t, "p50", pooled.Quantile(0.5), time.Duration(float64(mean)*math.Log(2)), 0.05)
		near(t, "p99", pooled.Quantile(0.99), time.Duration(float64(mean)*math.Log(100)), 0.1)
		if want := c.rho / (1 - c.rho); math.Abs(inFlight/want-1) > 0.06 {
			t.Errorf("%.3f in flight, want %.3f", inFlight, want)
		}
	}
}

// serving answers when the model says so.
func serving(q *queue.FCFS) load.Op {
	var mu sync.Mutex
	began := sync.OnceValue(time.Now)
	return func(context.Context, int) (int32, record.Outcome) {
		mu.Lock()
		finish, _ := q.Arrive(time.Since(began()))
		mu.Unlock()
		time.Sleep(finish - time.Since(began()))
		return 0, record.OK
	}
}

// The same queue under a closed loop tells another story: with n clients it is
// n·S, whatever the load would be.
func TestClosedLoopAgainstMM1(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		exp, err := queue.NewDistribution("exp", 10*ms)
		if err != nil {
			t.Fatal(err)
		}
		r, err := load.Closed{Clients: 5, Requests: 50_000}.Run(t.Context(), serving(queue.NewFCFS(1, exp, rand.New(rand.NewPCG(1, 0)))))
		if err != nil {
			t.Fatal(err)
		}
		near(t, "mean of 5 clients", r.Latency.Mean(), 50*ms, 0.05)
		mustHold(t, &r)
	})
}
