package echo

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dyno/bench/driver"
	"dyno/bench/load"
	"dyno/bench/queue"
	"dyno/internal/record"
	"dyno/internal/rpc"
	"dyno/internal/rpc/rpctest"
)

const ms = time.Millisecond

// virtualStation is a station for virtual time, which ends with the test.
func virtualStation(t *testing.T, s stall, service time.Duration, distribution string, seed uint64) *station {
	t.Helper()
	d, err := queue.NewDistribution(distribution, service)
	if err != nil {
		t.Fatal(err)
	}
	st := newStation(s, queue.NewFCFS(1, d, rand.New(rand.NewPCG(seed, streamService))), load.NewCoarseAlarm())
	t.Cleanup(st.open())
	return st
}

func TestWorldStandsStill(t *testing.T) {
	s := stall{at: 10, length: 5}
	for _, c := range []struct{ real, world, again time.Duration }{
		{0, 0, 0}, {9, 9, 9}, {10, 10, 15}, {12, 10, 15}, {15, 10, 15}, {16, 11, 16}, {100, 95, 100},
	} {
		if w := s.world(c.real); w != c.world || s.real(w) != c.again {
			t.Errorf("real %d: world %d, and that is real %d; want %d and %d", c.real, w, s.real(w), c.world, c.again)
		}
	}
	if none := (stall{}); none.world(7) != 7 || none.real(7) != 7 {
		t.Error("a stall of no length does something")
	}
}

// The stop of the world as callers see it: who comes during it waits for its
// end, and work under way is taken up where it was.
func TestStation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := virtualStation(t, stall{at: 100 * ms, length: 50 * ms}, 10*ms, "const", 1)
		began := time.Now()
		left := make(map[time.Duration]time.Duration)
		var (
			mu      sync.Mutex
			waiting sync.WaitGroup
		)
		for _, at := range []time.Duration{0, 5 * ms, 95 * ms, 110 * ms, 149 * ms, 200 * ms} {
			time.Sleep(at - time.Since(began))
			leave, err := st.enter()
			if err != nil || leave == nil {
				t.Fatalf("at %v: %v", at, err)
			}
			waiting.Go(func() {
				<-leave
				mu.Lock()
				defer mu.Unlock()
				left[at] = time.Since(began)
			})
		}
		waiting.Wait()
		for at, want := range map[time.Duration]time.Duration{
			0: 10 * ms, 5 * ms: 20 * ms, 95 * ms: 155 * ms, 110 * ms: 165 * ms, 149 * ms: 175 * ms, 200 * ms: 210 * ms,
		} {
			if left[at] != want {
				t.Errorf("who came at %v left at %v, want %v", at, left[at], want)
			}
		}
	})
}

func TestStationRefusesAndForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := virtualStation(t, stall{length: time.Hour}, 0, "exp", 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := st.pass(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a caller who gave up got %v", err)
		}
		var err error
		for n := 0; err == nil && n <= maxWaiting+2; n++ {
			_, err = st.enter()
		}
		if rpc.KindOf(err) != rpc.Refused {
			t.Errorf("%d requests are waiting and more are taken: %v", st.Waiting(), err)
		}
	})
}

// through drives a server over real gRPC in virtual time and wants all checks
// to hold.
func through(t *testing.T, st func(*testing.T) *station, l driver.Single) report {
	t.Helper()
	var r report
	synctest.Test(t, func(t *testing.T) {
		srv := &service{station: st(t)}
		conn, _ := rpctest.Start(t, rpc.Options{}, srv.register)
		if o, open := l.(load.Open); open {
			o.Alarm = load.NewCoarseAlarm() // of this bubble's time
			l = o
		}
		var err error
		if r, err = drive(t.Context(), conn, driver.Once(l), 16, 1); err != nil {
			t.Fatal(err)
		}
		if v := judge(r, &config{driver: driver.Open}, srv.answered.Load()); v.Status != record.Valid {
			t.Errorf("%s: %v", v.Status, v.Reasons())
		}
	})
	return r
}

func near(t *testing.T, what string, got, want time.Duration, within float64) {
	t.Helper()
	off := float64(got)/float64(want) - 1
	t.Logf("%-5s %12v, theory %12v: %+.2f %%", what, got, want, 100*off)
	if math.Abs(off) > within {
		t.Errorf("%s is %v, want %v within %.0f %%", what, got, want, 100*within)
	}
}

// The experiment load-honesty without the machine: our open loop agrees with
// theory, the closed one tells another story.
func TestStallThroughRPC(t *testing.T) {
	stop := stall{at: 4 * time.Second, length: 3 * time.Second}
	server := func(t *testing.T) *station { return virtualStation(t, stop, 0, "exp", 1) }
	want := stalled(stop.length, 12*time.Second)

	r := through(t, server, load.Open{Arrivals: "constant", Rate: 100, Length: 12 * time.Second})
	near(t, "mean", r.Latency.Mean(), want.mean, 0.05)
	for what, q := range map[string]float64{"p90": 0.9, "p95": 0.95, "p99": 0.99} {
		near(t, what, r.Latency.Quantile(q), want.quantile(q), 0.05)
	}

	// A server that takes some time: without, time would stand still.
	slow := func(t *testing.T) *station { return virtualStation(t, stop, 10*ms, "const", 1) }
	r = through(t, slow, load.Closed{Clients: 2, Length: 12 * time.Second})
	if p99 := r.Latency.Quantile(0.99); p99 > 50*ms || r.Latency.Max() < 3*time.Second {
		t.Errorf("closed loop: p99 %v, at most %v; want the stall there, and not in the p99", p99, r.Latency.Max())
	}
}

func TestMM1ThroughRPC(t *testing.T) {
	const rate = 70.0
	want, ok := mm1(10*ms, rate)
	if !ok {
		t.Fatal("ρ = 0.7 is too much")
	}
	pooled := record.NewHistogram()
	for seed := range uint64(2) {
		server := func(t *testing.T) *station { return virtualStation(t, stall{}, 10*ms, "exp", seed) }
		r := through(t, server, load.Open{Arrivals: "poisson", Rate: rate, Seed: seed, Warmup: 5 * time.Second, Length: 300 * time.Second})
		pooled.Merge(r.Latency)
	}
	near(t, "mean", pooled.Mean(), want.mean, 0.05)
	near(t, "p50", pooled.Quantile(0.5), want.quantile(0.5), 0.05)
}

func TestTheoryOfAStall(t *testing.T) {
	th := stalled(3*time.Second, 12*time.Second)
	if th.mean != 375*ms {
		t.Errorf("mean %v", th.mean)
	}
	for q, want := range map[float64]time.Duration{0.5: 0, 0.75: 0, 0.9: 1800 * ms, 0.95: 2400 * ms, 0.99: 2880 * ms, 1: 3 * time.Second} {
		if got := th.quantile(q).Round(time.Microsecond); got != want {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	// Against counting: callers every 10 ms.
	sum := time.Duration(0)
	for at := time.Duration(0); at < 3*time.Second; at += 10 * ms {
		sum += 3*time.Second - at
	}
	near(t, "mean", sum/1200, th.mean, 0.005)
}

func TestTheoryOfQueues(t *testing.T) {
	th, ok := mm1(20*ms, 40) // ρ = 0.8
	if !ok || th.mean.Round(ms) != 100*ms || th.quantile(0.9).Round(ms) != 230*ms {
		t.Errorf("M/M/1: %v, p90 %v", th.mean, th.quantile(0.9))
	}
	th, ok = md1(20*ms, 40)
	if !ok || th.mean.Round(ms) != 60*ms || th.quantile != nil {
		t.Errorf("M/D/1: %v", th.mean)
	}
	for _, rate := range []float64{50, 51} {
		if _, ok := mm1(20*ms, rate); ok {
			t.Errorf("M/M/1 at %v/s has an answer", rate)
		}
		if _, ok := md1(20*ms, rate); ok {
			t.Errorf("M/D/1 at %v/s has an answer", rate)
		}
	}
}

// Theory speaks of what it knows only.
func TestTheoryIsSilent(t *testing.T) {
	for name, c := range map[string]struct {
		config config
		want   bool
	}{
		"nothing but echo":        {config{driver: driver.Open}, false},
		"a stall, whoever drives": {config{driver: driver.GHZ, stall: ms}, true},
		"a stall and a queue":     {config{driver: driver.Open, arrivals: "poisson", stall: ms, service: ms, distribution: "exp", rate: 1}, false},
		"M/M/1":                   {config{driver: driver.Open, arrivals: "poisson", service: ms, distribution: "exp", rate: 1}, true},
		"M/D/1":                   {config{driver: driver.Open, arrivals: "poisson", service: ms, distribution: "const", rate: 1}, true},
		"D/M/1":                   {config{driver: driver.Open, arrivals: "constant", service: ms, distribution: "exp", rate: 1}, false},
		"a closed loop's queue":   {config{driver: driver.Closed, arrivals: "poisson", service: ms, distribution: "exp", rate: 1}, false},
		"too much":                {config{driver: driver.Open, arrivals: "poisson", service: ms, distribution: "exp", rate: 1001}, false},
	} {
		if _, ok := c.config.expected(time.Second); ok != c.want {
			t.Errorf("%s: theory has an answer: %v, want %v", name, ok, c.want)
		}
	}
}
