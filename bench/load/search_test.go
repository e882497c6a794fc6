package load_test

import (
	"context"
	"flag"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dyno/bench/load"
	"dyno/bench/queue"
	"dyno/internal/record"
)

// search runs in virtual time and wants the generator's own checks to hold.
func search(t *testing.T, s load.Search, op load.Op) (sum load.Summary) {
	t.Helper()
	s.Alarm = func() (load.Alarm, error) { return load.NewCoarseAlarm(), nil }
	synctest.Test(t, func(t *testing.T) {
		var err error
		if sum, err = s.Run(t.Context(), op); err != nil {
			t.Fatal(err)
		}
	})
	if v := record.Judge(sum.Checks...); v.Status != record.Valid || len(v.Checks) != 3 {
		t.Errorf("the generator's own checks: %+v", v)
	}
	return sum
}

// The bench tests itself: of an M/M/1 server 99 of 100 answers come within
// ln(100)/(µ - λ), so the knee for a bound is at λ = µ - ln(100)/bound.
func TestSearchAgainstMM1(t *testing.T) {
	const service, bound = 10 * ms, 200 * ms
	want := 1/service.Seconds() - math.Log(100)/bound.Seconds() // 76.97 per second
	exp, err := queue.NewDistribution("exp", service)
	if err != nil {
		t.Fatal(err)
	}
	sum := search(t, load.Search{
		Goal: load.Goal{Below: bound, From: 10, To: 1000}, Arrivals: "poisson", Seed: 1, Warmup: 5 * time.Second, Length: 200 * time.Second,
	}, serving(queue.NewFCFS(1, exp, rand.New(rand.NewPCG(1, 0)))))
	k := sum.Knee
	t.Logf("theory %.2f, held %v in %v to %v after %d probes", want, k.Held, k.Low, k.High, len(k.Probes))
	if !k.Settled || math.Abs(k.Held/want-1) > 0.08 || len(sum.Flags()) > 0 {
		t.Errorf("held %v, want %.2f; flags %v", k.Held, want, sum.Flags())
	}
	var sent int64
	for _, p := range k.Probes {
		if p.Took > 207*time.Second {
			t.Errorf("the probe at %v per second took %v: its queue was never cut short", p.Rate, p.Took)
		}
		if p.Rate == k.Held {
			sent += p.Offered
		}
	}
	if sum.Schedule.Rate != k.Held || sum.Window.Offered != sent || sum.Latency.Count() != sent || sum.Targets[0].Window.OK != sent || sum.Targets[0].Counts.OK != sum.Counts.OK {
		t.Errorf("the summary is not of the knee: %+v, window %+v, targets %+v, %d offered there", sum.Schedule, sum.Window, sum.Targets, sent)
	}
	if sum.Latency.Quantile(0.99) > bound {
		t.Errorf("p99 at the knee is %v", sum.Latency.Quantile(0.99))
	}
}

// What is answered wrongly, or refused, is not answered in time.
func TestSearchCountsFailures(t *testing.T) {
	for _, outcome := range []record.Outcome{record.Refused, record.Failed, record.Unknown} {
		var n atomic.Int64
		sum := search(t, load.Search{Goal: load.Goal{Below: ms, From: 100, To: 200}, Arrivals: "constant", Length: 2 * time.Second},
			func(context.Context, int) (int32, record.Outcome) {
				time.Sleep(ms / 10)
				if n.Add(1)%50 == 0 {
					return 0, outcome
				}
				return 0, record.OK
			})
		if sum.Knee.Held != 0 || !hasFlag(&sum, "below") {
			t.Errorf("2 %% are %s, and %v per second are held; flags %v", outcome, sum.Knee.Held, sum.Flags())
		}
	}
}

// When the generator is what is late, the answer says so.
func TestSearchBlamesTheGenerator(t *testing.T) {
	p := load.Probe{Offered: 1000, InTime: 900, Prompt: 1000}
	if p.Held() || !p.Late() {
		t.Error("a late generator is not seen")
	}
	if p.Prompt = 900; p.Late() {
		t.Error("a slow server is taken for a late generator")
	}
	if p.InTime = 990; !p.Held() || p.Late() {
		t.Error("99 of 100 in time are not enough")
	}
	sum := load.Summary{Knee: &load.Knee{Held: 10, High: 11, Settled: true, Probes: []load.Probe{{Offered: 1000, Prompt: 1000}}}}
	if !hasFlag(&sum, "generator") {
		t.Errorf("flags %v", sum.Flags())
	}
}

func hasFlag(s *load.Summary, name string) bool {
	return slices.ContainsFunc(s.Flags(), func(f record.Flag) bool { return f.Name == name })
}

func TestSearchEnds(t *testing.T) {
	sum := search(t, load.Search{Goal: load.Goal{Below: 20 * ms, From: 100, To: 200}, Arrivals: "constant", Length: time.Second}, taking(ms))
	var o record.Observation
	sum.ObserveSearch(&o)
	if k := sum.Knee; k.Held != 200 || k.High != 0 || !hasFlag(&sum, "above") || o.Scalars["knee_rps"] != 200 {
		t.Errorf("%+v, flags %v, %v", k, sum.Flags(), o.Scalars)
	}
	sum = search(t, load.Search{Goal: load.Goal{Below: 20 * ms, From: 100, To: 900, Probes: 2}, Arrivals: "constant", Length: time.Second}, taking(ms))
	if !hasFlag(&sum, "unsettled") || len(sum.Knee.Probes) != 2 {
		t.Errorf("%+v, flags %v", sum.Knee, sum.Flags())
	}
	o = record.Observation{}
	if (&load.Summary{}).ObserveSearch(&o); o.Scalars != nil {
		t.Errorf("no search, and %v", o.Scalars)
	}
}

func TestSearchRefuses(t *testing.T) {
	for want, s := range map[string]load.Search{
		"p99-below is 0s":     {},
		"its p99 takes 100":   {Goal: load.Goal{Below: ms, From: 1, To: 2}, Arrivals: "constant", Length: time.Second},
		"probe 1 at 141.4":    {Goal: load.Goal{Below: ms, From: 100, To: 200}, Arrivals: "sometimes", Length: time.Second},
		"no operation to run": {Goal: load.Goal{Below: ms, From: 100, To: 200}, Arrivals: "constant", Length: time.Second},
	} {
		if _, err := s.Run(t.Context(), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// A goal survives its way through a command line.
func TestGoalAsFlags(t *testing.T) {
	l := record.Load{P99Below: 0.0255, From: 12.5, To: 4e5, Precision: 0.1, Probes: 7}
	want := load.SearchGoal(l, time.Second, 2*time.Second)
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	got := load.BindGoal(fs)
	if err := fs.Parse(want.Args()); err != nil || *got != want || got.Time != 21*time.Second {
		t.Errorf("%v: %+v, want %+v", err, *got, want)
	}
}
