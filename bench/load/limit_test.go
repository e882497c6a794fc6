package load_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"dyno/bench/load"
	"dyno/internal/record"
)

func TestParseLimit(t *testing.T) {
	for text, want := range map[string]load.Limit{
		"errors > 5%":             {Share: 0.05, Over: load.DefaultOver},
		"errors >= 0.1 % over 1m": {Share: 0.001, Over: time.Minute},
	} {
		if l, err := load.ParseLimit(text); err != nil || l != want {
			t.Errorf("%q: %v, %v", text, l, err)
		}
	}
	for _, text := range []string{"", "errors", "errors > 5", "errors < 5%", "p99 > 1s", "errors > 5% over 1", "errors > 5% over 1ms"} {
		if l, err := load.ParseLimit(text); err == nil {
			t.Errorf("%q was accepted: %v", text, l)
		}
	}
}

// broken fails from a time on.
func broken(after time.Duration, share int) load.Op {
	begin, n := time.Now(), 0
	return func(context.Context, int) (int32, record.Outcome) {
		time.Sleep(10 * ms)
		if n++; time.Since(begin) > after && n%share == 0 {
			return -1, record.Failed
		}
		return 0, record.OK
	}
}

// A run ends soon after its failures pass the bound, and not by what chance
// brings; what was seen until then keeps the generator's checks.
func TestGuard(t *testing.T) {
	limit := load.Limit{Share: 0.05, Over: time.Second}
	for name, c := range map[string]struct {
		after   time.Duration
		share   int
		aborted bool
	}{
		"breaks":           {2 * time.Second, 2, true},
		"breaks at once":   {0, 1, true},
		"fails too seldom": {0, 25, false},
		"never":            {time.Hour, 1, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, stop := context.WithCancelCause(t.Context())
			defer stop(nil)
			guard := load.NewGuard(limit, stop)
			r, err := load.Closed{Clients: 1, Length: 5 * time.Second, Each: guard.See}.Run(ctx, broken(c.after, c.share))
			if aborted := guard.Tripped() != nil; aborted != c.aborted || (err != nil) != aborted || err != nil && context.Cause(ctx) == nil {
				t.Fatalf("%s: %v, %v", name, guard.Tripped(), err)
			}
			mustHold(t, &r)
			if c.aborted && (r.Length() < c.after || r.Length() > c.after+time.Second || guard.Tripped().Status != record.Invalid) {
				t.Errorf("%s: ended after %v, %+v", name, r.Length(), guard.Tripped())
			}
		})
	}
}

// Memory does not grow with the number of calls once the spans' room is used up,
// and the timeline is that of all calls.
func TestSoakInConstantMemory(t *testing.T) {
	kept := 0
	for _, length := range []time.Duration{20 * time.Second, 80 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			r, err := load.Closed{Clients: 4, Length: length, MaxSpans: 1000, Step: load.Step(length)}.Run(t.Context(), taking(5*ms))
			if err != nil {
				t.Fatal(err)
			}
			mustHold(t, &r)
			if c := r.CheckTimeline(); c.Status != record.Valid {
				t.Errorf("%+v", c)
			}
			if len(r.Timeline.Sent) > 240 || slices.Min(r.Timeline.OK) < 4*int64(load.Step(length)/(5*ms))-4 {
				t.Errorf("%d steps: %v", len(r.Timeline.Sent), r.Timeline.OK)
			}
			if r.Folded.Count() == 0 || kept > 0 && len(r.Spans) != kept {
				t.Errorf("%v: %d spans, %d folded", length, len(r.Spans), r.Folded.Count())
			}
			kept = len(r.Spans)
		})
	}
}

// Measuring allocates next to nothing per call, whatever the schedule.
func TestSchedulesAllocateNothing(t *testing.T) {
	p, err := load.Profile{{From: 1e5, To: 5e5}}.Fit(0, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]load.Schedule{
		"ramp": {Arrivals: "poisson", Profile: p}, "constant ramp": {Arrivals: "constant", Profile: p}, "even": {Arrivals: "poisson", Rate: 1e5},
	} {
		if n := testing.AllocsPerRun(5, func() {
			for at := range s.Starts() {
				if at > 100*ms {
					break
				}
			}
		}); n > 20 {
			t.Errorf("%s: %v allocations in 10,000 starts", name, n)
		}
	}
}
