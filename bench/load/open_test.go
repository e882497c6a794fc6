package load_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dyno/bench/load"
	"dyno/internal/record"
)

// open runs in virtual time and puts the result to all checks.
func open(t *testing.T, o load.Open, op load.Op) load.Result {
	t.Helper()
	var r load.Result
	synctest.Test(t, func(t *testing.T) {
		o.Alarm = load.NewCoarseAlarm()
		var err error
		if r, err = o.Run(t.Context(), op); err != nil {
			t.Fatal(err)
		}
	})
	mustHoldOpen(t, &r)
	return r
}

func mustHoldOpen(t *testing.T, r *load.Result) {
	t.Helper()
	mustHold(t, r)
	if c := r.CheckSchedule(); c.Status != record.Valid {
		t.Errorf("the generator's own check: %+v", c)
	}
}

func constant(rate float64) load.Open {
	return load.Open{Arrivals: "constant", Rate: rate, Length: time.Second}
}

func TestOpenPhases(t *testing.T) {
	o := constant(100)
	o.Warmup = 100 * ms
	r := open(t, o, taking(25*ms))
	// Starts at 0, 10, … 1090; the window has those from 100 on. In it end
	// those that started from 80 (at 105) to 1070 (at 1095).
	want := record.Counts{Offered: 110, Sent: 110, OK: 110}
	if r.Counts != want || r.Window != (record.Counts{Offered: 100, Sent: 100, OK: 100}) || r.Answered != 100 {
		t.Errorf("run %+v, window %+v, answered in it %d", r.Counts, r.Window, r.Answered)
	}
	if r.Latency.Mean() != 25*ms || r.Service.Mean() != 25*ms || r.Lag.Max() != 0 || r.Lag.Count() != 100 {
		t.Errorf("latency %v, service %v, lag %v", r.Latency.Mean(), r.Service.Mean(), r.Lag.Max())
	}
	if r.Clients != 3 || r.InFlight != 2.5 || r.OfferedRate() != 100 || r.SentRate() != 100 || r.Throughput() != 100 {
		t.Errorf("%d slots, %v in flight, rates %v, %v, %v", r.Clients, r.InFlight, r.OfferedRate(), r.SentRate(), r.Throughput())
	}
	if r.BeginNS != int64(100*ms) || r.Length() != time.Second {
		t.Errorf("window from %d, %v long", r.BeginNS, r.Length())
	}
}

// Slow answers hold nobody back: all are sent when they are to be.
func TestOpenLoopDoesNotWait(t *testing.T) {
	r := open(t, constant(1000), taking(5*time.Second))
	if r.Clients != 1000 || r.Counts.OK != 1000 || r.Window.OK != 1000 || r.Answered != 0 || r.Lag.Max() != 0 {
		t.Errorf("%d slots, %+v, answered in the window %d, lag up to %v", r.Clients, r.Counts, r.Answered, r.Lag.Max())
	}
	if r.Throughput() != 0 || r.Latency.Mean() != 5*time.Second {
		t.Errorf("throughput %v, latency %v", r.Throughput(), r.Latency.Mean())
	}
}

// With room for two in flight and answers after 25 ms, two of each five
// arrivals, 10 ms apart, are sent: at 0 and 10, 30 and 40 (the first slot is
// free at 25, the other at 35), 60 and 70.
func TestMaxInFlight(t *testing.T) {
	o := constant(100)
	o.MaxInFlight = 2
	r := open(t, o, taking(25*ms))
	want := record.Counts{Offered: 100, Sent: 67, OK: 67}
	if r.Counts != want || r.Window != want || r.Clients != 2 {
		t.Errorf("%d slots, run %+v, window %+v; want %+v", r.Clients, r.Counts, r.Window, want)
	}
	if r.SentRate() != 67 || r.OfferedRate() != 100 || r.Latency.Mean() != 25*ms {
		t.Errorf("sent %v/s of %v/s, latency %v", r.SentRate(), r.OfferedRate(), r.Latency.Mean())
	}
	s := r.Summary()
	if f := s.Flags(); len(f) != 2 || f[0].Name != "rate" || f[1].Name != "unanswered" {
		t.Errorf("flags %+v", f)
	}
}

// A pacer that is kept from its work is late, says so, and charges it to the
// operations: latency is from the intended start, service from the actual one.
func TestLateness(t *testing.T) {
	var r load.Result
	synctest.Test(t, func(t *testing.T) {
		o := constant(100)
		o.Alarm = &sleepy{Alarm: load.NewCoarseAlarm(), oversleep: map[int]time.Duration{50: 105 * ms}}
		var err error
		if r, err = o.Run(t.Context(), taking(3*ms)); err != nil {
			t.Fatal(err)
		}
	})
	mustHoldOpen(t, &r)
	// Start 50 is sent 105 ms late, the ten that fell due meanwhile 95, 85, … 5.
	sum := 105 * ms
	for late := 95 * ms; late > 0; late -= 10 * ms {
		sum += late
	}
	if r.LagNS != int64(sum) || r.Lag.Mean() != sum/100 || r.Service.Max().Round(10*time.Microsecond) != 3*ms || r.Latency.Mean() != sum/100+3*ms {
		t.Errorf("lag %v, mean %v; service up to %v; latency %v", time.Duration(r.LagNS), r.Lag.Mean(), r.Service.Max(), r.Latency.Mean())
	}
	s := r.Summary()
	if f := s.Flags(); len(f) != 1 || f[0].Name != "lag" || !strings.Contains(f[0].Detail, "95") {
		t.Errorf("flags %+v", f)
	}
}

// sleepy wakes late from some of its waits.
type sleepy struct {
	load.Alarm
	waits     int
	oversleep map[int]time.Duration
}

func (s *sleepy) Wait(d time.Duration) error {
	s.waits++
	return s.Alarm.Wait(d + s.oversleep[s.waits])
}

func TestOpenTimeoutAndDrain(t *testing.T) {
	o := constant(100)
	o.Timeout = 45 * ms
	r := open(t, o, taking(time.Hour))
	if r.Counts != (record.Counts{Offered: 100, Sent: 100, Unknown: 100}) || r.Clients != 5 {
		t.Errorf("timeout: %+v in %d slots", r.Counts, r.Clients)
	}
	s := r.Summary()
	if f := s.Flags(); len(f) != 1 || f[0].Name != "unanswered" {
		t.Errorf("flags %+v", f)
	}
	o = constant(100)
	o.Drain = 15 * ms
	r = open(t, o, taking(30*ms))
	// Ends at 30 … 1010 come in time; starts 980 has it; 990 is cut at 1015.
	if r.Counts != (record.Counts{Offered: 100, Sent: 100, OK: 99, Unknown: 1}) {
		t.Errorf("drain: %+v", r.Counts)
	}
}

func TestOpenWorkersWorkAlone(t *testing.T) {
	var busy [64]atomic.Bool
	var most atomic.Int64
	r := open(t, load.Open{Arrivals: "poisson", Rate: 2000, Seed: 3, Length: time.Second, MaxInFlight: 64}, func(_ context.Context, client int) (int32, record.Outcome) {
		if busy[client].Swap(true) {
			t.Errorf("slot %d has two operations in flight", client)
		}
		most.Store(max(most.Load(), int64(client)+1))
		time.Sleep(time.Duration(client%7+1) * ms)
		busy[client].Store(false)
		return 0, record.OK
	})
	if int(most.Load()) != r.Clients || r.Clients < 4 || r.Clients > 32 {
		t.Errorf("%d slots were used, %d are told", most.Load(), r.Clients)
	}
}

func TestOpenRunThatIsStopped(t *testing.T) {
	died := errors.New("server 3 died")
	for name, at := range map[string]time.Duration{"in the warm-up": 55 * ms, "in the window": 495 * ms, "in the drain": 1005 * ms} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(at, func() { cancel(died) })
			o := load.Open{Arrivals: "constant", Rate: 100, Warmup: 100 * ms, Length: 900 * ms, Alarm: load.NewCoarseAlarm()}
			r, err := o.Run(ctx, taking(18*ms))
			if !errors.Is(err, context.Canceled) || !errors.Is(err, died) {
				t.Errorf("%s: error %v; want the context's and its cause", name, err)
			}
			sent := min(int64(at/(10*ms))+1, 100)
			if r.Counts.Sent != sent || r.Counts.Offered != sent || r.Counts.Unknown == 0 || r.Counts.Unknown > 2 {
				t.Errorf("%s: %+v, want %d sent", name, r.Counts, sent)
			}
			mustHoldOpen(t, &r)
		})
	}
}

// While the pacer sleeps for an hour, the end of the context wakes it.
func TestOpenRunIsStoppedBetweenArrivals(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	sent := make(chan struct{})
	go func() { <-sent; cancel() }()
	r, err := load.Open{Arrivals: "constant", Rate: 1.0 / 3600, Length: 24 * time.Hour}.Run(ctx, func(context.Context, int) (int32, record.Outcome) {
		close(sent)
		return 0, record.OK
	})
	if !errors.Is(err, context.Canceled) || r.Counts.OK != 1 {
		t.Errorf("%v, %+v", err, r.Counts)
	}
}

func TestOpenPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := constant(100)
		o.Alarm = load.NewCoarseAlarm()
		var n atomic.Int64
		r, err := o.Run(t.Context(), func(ctx context.Context, client int) (int32, record.Outcome) {
			if n.Add(1) == 10 {
				panic("the op is broken")
			}
			return taking(ms)(ctx, client)
		})
		if err == nil || !strings.Contains(err.Error(), "the op is broken") || r.Counts.Failed != 1 || r.Counts.OK != 9 {
			t.Errorf("%v, %+v", err, r.Counts)
		}
		mustHoldOpen(t, &r)
	})
}

func TestOpenValidationNamesTheField(t *testing.T) {
	for field, mutate := range map[string]func(*load.Open){
		`Arrivals is ""`:         func(o *load.Open) { o.Arrivals = "" },
		"Rate is 0":              func(o *load.Open) { o.Rate = 0 },
		"Rate is -1":             func(o *load.Open) { o.Rate = -1 },
		"Rate is 2e+06":          func(o *load.Open) { o.Rate = 2e6 },
		"Length is 0s":           func(o *load.Open) { o.Length = 0 },
		"Warmup is -1ns":         func(o *load.Open) { o.Warmup = -1 },
		"Timeout is -1ns":        func(o *load.Open) { o.Timeout = -1 },
		"Drain is -1ns":          func(o *load.Open) { o.Drain = -1 },
		"MaxInFlight is -1":      func(o *load.Open) { o.MaxInFlight = -1 },
		"MaxInFlight is 100001":  func(o *load.Open) { o.MaxInFlight = load.MaxClients + 1 },
		"MaxSpans is 4; 5 clien": func(o *load.Open) { o.MaxInFlight, o.MaxSpans = 5, 4 },
	} {
		o := constant(100)
		mutate(&o)
		if _, err := o.Run(t.Context(), taking(0)); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%+v: %v; want it to say %q", o, err, field)
		}
	}
	if _, err := constant(100).Run(t.Context(), nil); err == nil {
		t.Error("a run without an operation is no error")
	}
}

// In real time, with the exact alarm and real contention.
func TestOpenRealTime(t *testing.T) {
	r, err := load.Open{Arrivals: "poisson", Rate: 20_000, Warmup: 5 * ms, Length: 50 * ms, MaxInFlight: 8}.Run(t.Context(), func(_ context.Context, client int) (int32, record.Outcome) {
		if client%2 == 0 {
			time.Sleep(100 * time.Microsecond)
		}
		return int32(client % 3), record.OK
	})
	if err != nil {
		t.Fatal(err)
	}
	mustHoldOpen(t, &r)
	if r.IdleNS == 0 || r.LagNS == 0 || r.Window.OK == 0 {
		t.Errorf("idle %d ns, lag %d ns, %d OK: the checks were given nothing to do", r.IdleNS, r.LagNS, r.Window.OK)
	}
}

// One a minute is a load, too: each comes when it is to, and the window has all.
func TestOneAMinute(t *testing.T) {
	o := load.Open{Arrivals: "constant", Rate: 1.0 / 60, Warmup: time.Minute, Length: 5 * time.Minute}
	var came []time.Duration
	var begin time.Time
	r := open(t, o, func(context.Context, int) (int32, record.Outcome) {
		if begin.IsZero() {
			begin = time.Now()
		}
		came = append(came, time.Since(begin))
		time.Sleep(time.Second)
		return 0, record.OK
	})
	if len(came) != 6 || r.Window.OK != 5 || r.Window.Offered != 5 {
		t.Fatalf("%v, window %+v", came, r.Window)
	}
	for i, at := range came {
		if at != time.Duration(i)*time.Minute {
			t.Errorf("the %d-th came after %v", i, at)
		}
	}
	if math.Abs(r.OfferedRate()*60-1) > 1e-9 || math.Abs(r.Throughput()*60-1) > 1e-9 {
		t.Errorf("rates %v and %v per second", r.OfferedRate(), r.Throughput())
	}
}
