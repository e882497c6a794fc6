package load_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dyno/bench/load"
	"dyno/internal/record"
)

const ms = time.Millisecond

// taking answers OK after d, or Unknown when its context ends before.
func taking(d time.Duration) load.Op {
	return func(ctx context.Context, client int) (int32, record.Outcome) {
		select {
		case <-time.After(d):
			return int32(client), record.OK
		case <-ctx.Done():
			return -1, record.Unknown
		}
	}
}

// run runs in virtual time and puts the result to both checks.
func run(t *testing.T, c load.Closed, op load.Op) load.Result {
	t.Helper()
	var r load.Result
	synctest.Test(t, func(t *testing.T) {
		var err error
		if r, err = c.Run(t.Context(), op); err != nil {
			t.Fatal(err)
		}
	})
	mustHold(t, &r)
	return r
}

func mustHold(t *testing.T, r *load.Result) {
	t.Helper()
	if v := record.Judge(r.CheckCounts(), r.CheckLittle()); v.Status == record.Invalid {
		t.Errorf("the generator's own checks: %v", v.Reasons())
	}
}

func TestPhases(t *testing.T) {
	r := run(t, load.Closed{Clients: 4, Warmup: 100 * ms, Length: time.Second}, taking(30*ms))
	// Ends at 30, 60, …: 3 in the warm-up (90), 33 in the window (120 … 1080),
	// and the one that began at 1080 is drained.
	want := record.Counts{Offered: 4 * 37, Sent: 4 * 37, OK: 4 * 37}
	if r.Counts != want || r.Window.OK != 4*33 || r.Latency.Count() != 4*33 {
		t.Errorf("run %+v, want %+v; window %+v, latency of %d, want %d", r.Counts, want, r.Window, r.Latency.Count(), 4*33)
	}
	if r.BeginNS != int64(100*ms) || r.EndNS != int64(1100*ms) || r.End.Sub(r.Begin) != time.Second || r.Length() != time.Second {
		t.Errorf("window %d to %d ns, %v to %v", r.BeginNS, r.EndNS, r.Begin, r.End)
	}
	if r.Throughput() != 4*33 || r.InFlight != 4 || r.IdleNS != 0 {
		t.Errorf("throughput %v, in flight %v, idle %d; want 132, 4, 0", r.Throughput(), r.InFlight, r.IdleNS)
	}
	if m := r.Latency.Mean(); m != 30*ms {
		t.Errorf("mean latency %v", m)
	}
}

// An operation that ends on a border counts once: where it begins to be
// measured it belongs to the warm-up, where that ends to the window.
func TestBorders(t *testing.T) {
	r := run(t, load.Closed{Clients: 1, Warmup: 100 * ms, Length: time.Second}, taking(50*ms))
	if r.Window.OK != 20 || r.Counts.OK != 22 {
		t.Errorf("window %d, run %d; want 20 and 22", r.Window.OK, r.Counts.OK)
	}
}

func TestDrain(t *testing.T) {
	for name, c := range map[string]struct {
		drain time.Duration
		want  record.Counts
		end   time.Duration
	}{
		"long enough":  {50 * ms, record.Counts{Offered: 4, Sent: 4, OK: 4}, 120 * ms},
		"too short":    {10 * ms, record.Counts{Offered: 4, Sent: 4, OK: 2, Unknown: 2}, 110 * ms},
		"left to none": {0, record.Counts{Offered: 4, Sent: 4, OK: 4}, 120 * ms},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, load.Closed{Clients: 2, Length: 100 * ms, Drain: c.drain}, taking(60*ms))
			last := r.Spans[len(r.Spans)-1].End
			if r.Counts != c.want || r.Window.OK != 2 || last != int64(c.end) {
				t.Errorf("%+v, %d in the window, the last ended at %v; want %+v, 2, %v", r.Counts, r.Window.OK, time.Duration(last), c.want, c.end)
			}
		})
	}
}

func TestTimeoutIsTheDeadline(t *testing.T) {
	r := run(t, load.Closed{Clients: 1, Length: 100 * ms, Timeout: 20 * ms}, taking(time.Hour))
	if r.Counts != (record.Counts{Offered: 5, Sent: 5, Unknown: 5}) || r.Latency.Count() != 0 {
		t.Errorf("%+v, latency of %d; want 5 unknown and none", r.Counts, r.Latency.Count())
	}
}

func TestOutcomesAndTargets(t *testing.T) {
	outcomes := []record.Outcome{record.OK, record.Refused, record.Failed, record.Unknown}
	n := 0
	r := run(t, load.Closed{Clients: 1, Warmup: 40 * ms, Length: 80 * ms}, func(context.Context, int) (int32, record.Outcome) {
		time.Sleep(10 * ms)
		n++
		return int32(n % 2), outcomes[n%4]
	})
	if r.Counts != (record.Counts{Offered: 12, Sent: 12, OK: 3, Refused: 3, Failed: 3, Unknown: 3}) {
		t.Errorf("run %+v", r.Counts)
	}
	even := load.Target{
		Counts:     record.Counts{Offered: 6, Sent: 6, OK: 3, Failed: 3},
		Window:     record.Counts{Offered: 4, Sent: 4, OK: 2, Failed: 2},
		LatencySum: 20 * ms,
	}
	if len(r.Targets) != 2 || r.Targets[0] != even || r.Targets[1].Window.Refused != 2 || r.Targets[1].LatencySum != 0 {
		t.Errorf("targets %+v", r.Targets)
	}
}

func TestRequestsEndTheRun(t *testing.T) {
	for _, clients := range []int{1, 3, 7, 64} {
		r := run(t, load.Closed{Clients: clients, Requests: 100, MaxSpans: 100}, taking(10*ms))
		rounds := (100 + clients - 1) / clients
		if r.Counts.OK != 100 || r.Window.OK != 100 || r.Length() != time.Duration(rounds)*10*ms {
			t.Errorf("%d clients: %+v in %v", clients, r.Counts, r.Length())
		}
	}
}

func TestClientsWorkAloneAndTogether(t *testing.T) {
	var busy [5]atomic.Bool
	var now, together atomic.Int32
	run(t, load.Closed{Clients: 5, Length: time.Second}, func(_ context.Context, client int) (int32, record.Outcome) {
		if busy[client].Swap(true) {
			t.Errorf("client %d has two operations in flight", client)
		}
		if now.Add(1) == 5 {
			together.Add(1)
		}
		time.Sleep(time.Duration(client+1) * ms)
		now.Add(-1)
		busy[client].Store(false)
		return 0, record.OK
	})
	if together.Load() == 0 {
		t.Error("five clients never had five operations in flight")
	}
}

func TestCancelledRunSaysWhatItHas(t *testing.T) {
	died := errors.New("server 3 died")
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(495*ms, func() { cancel(died) })
		r, err := load.Closed{Clients: 3, Warmup: 100 * ms, Length: time.Hour}.Run(ctx, taking(10*ms))
		if !errors.Is(err, context.Canceled) || !errors.Is(err, died) {
			t.Errorf("error %v; want the context's and its cause", err)
		}
		want := record.Counts{Offered: 150, Sent: 150, OK: 147, Unknown: 3}
		if r.Counts != want || r.Length() != 395*ms || r.Window.OK != 3*39 {
			t.Errorf("%+v in a window of %v with %d OK", r.Counts, r.Length(), r.Window.OK)
		}
		mustHold(t, &r)
	})
}

func TestCancelledDuringWarmup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 55*ms)
		defer cancel()
		r, err := load.Closed{Clients: 3, Warmup: time.Minute, Length: time.Minute}.Run(ctx, taking(10*ms))
		if !errors.Is(err, context.DeadlineExceeded) || r.Counts.OK != 15 || r.Window.Sent != 0 || r.Throughput() != 0 || r.InFlight != 0 {
			t.Errorf("%v: %+v, window %+v", err, r.Counts, r.Window)
		}
		if v := record.Judge(r.CheckLittle()); v.Status != record.Undetermined {
			t.Errorf("an empty window proves nothing, but little is %s", v.Status)
		}
	})
}

func TestPanicEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		r, err := load.Closed{Clients: 3, Length: time.Hour}.Run(t.Context(), func(ctx context.Context, client int) (int32, record.Outcome) {
			if n.Add(1) == 10 {
				panic("the op is broken")
			}
			return taking(10*ms)(ctx, client)
		})
		if err == nil || !strings.Contains(err.Error(), "the op is broken") || !strings.Contains(err.Error(), "closed_test.go") {
			t.Errorf("error %v; want the panic and where it was", err)
		}
		if r.Counts.Failed != 1 || r.Counts.OK != 9 || r.Counts.Sent < 10 || r.Targets[-1].Counts.Failed != 1 {
			t.Errorf("%+v, by target %+v; want 9 OK, then one failed", r.Counts, r.Targets)
		}
		mustHold(t, &r)
	})
}

func TestValidationNamesTheField(t *testing.T) {
	op := taking(0)
	for field, c := range map[string]load.Closed{
		"Clients is 0":         {Length: 1},
		"Clients is 100001":    {Clients: load.MaxClients + 1, Length: 1},
		"Requests is -1":       {Clients: 1, Requests: -1},
		"Length is 1ns beside": {Clients: 1, Requests: 1, Length: 1},
		"Warmup is 1ns; a run": {Clients: 1, Requests: 1, Warmup: 1},
		"Length is 0s":         {Clients: 1},
		"Length is -1ns":       {Clients: 1, Length: -1},
		"Warmup is -1ns":       {Clients: 1, Length: 1, Warmup: -1},
		"Timeout is -1ns":      {Clients: 1, Length: 1, Timeout: -1},
		"Drain is -1ns":        {Clients: 1, Length: 1, Drain: -1},
		"MaxSpans is 2":        {Clients: 3, Length: 1, MaxSpans: 2},
	} {
		if _, err := c.Run(t.Context(), op); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%+v: %v; want it to say %q", c, err, field)
		}
	}
	if _, err := (load.Closed{Clients: 1, Length: 1}).Run(t.Context(), nil); err == nil {
		t.Error("a run without an operation is no error")
	}
}

// In real time, with real contention: the checks hold to the nanosecond.
func TestRealTime(t *testing.T) {
	r, err := load.Closed{Clients: 16, Warmup: 5 * ms, Length: 50 * ms}.Run(t.Context(), func(_ context.Context, client int) (int32, record.Outcome) {
		if client%2 == 0 {
			time.Sleep(100 * time.Microsecond)
		}
		return int32(client % 3), record.OK
	})
	if err != nil {
		t.Fatal(err)
	}
	if v := record.Judge(r.CheckCounts(), r.CheckLittle()); v.Status != record.Valid {
		t.Error(v.Reasons())
	}
	if r.IdleNS == 0 || r.Window.OK == 0 {
		t.Errorf("idle %d ns, %d OK: the check above was given nothing to do", r.IdleNS, r.Window.OK)
	}
}
