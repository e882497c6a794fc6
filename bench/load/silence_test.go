package load_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"dyno/bench/load"
	"dyno/internal/record"
)

// deaf answers after a time, but nobody who is there or comes from one moment of the
// run to another: those are answered, as what is said, once that is over.
func deaf(after, from, to time.Duration, meanwhile record.Outcome) load.Op {
	began := sync.OnceValue(time.Now)
	return func(ctx context.Context, client int) (int32, record.Outcome) {
		_ = began()
		time.Sleep(after)
		if at := time.Since(began()); at > from && at < to {
			if meanwhile == record.Failed {
				time.Sleep(ms)
				return 0, record.Failed
			}
			time.Sleep(to - at)
			return 0, meanwhile
		}
		return 0, record.OK
	}
}

func TestSilence(t *testing.T) {
	closed := load.Closed{Clients: 1, Warmup: 100 * ms, Length: time.Second}
	crowd := closed
	crowd.Clients = 16
	steady := load.Open{Arrivals: "poisson", Seed: 7, Rate: 500, Warmup: 100 * ms, Length: time.Second}
	rare := steady
	rare.Rate = 3
	few := crowd
	few.MaxSpans = 16
	for name, c := range map[string]struct {
		run  func(*testing.T, load.Op) load.Result
		op   load.Op
		from time.Duration // since the window's begin
		to   time.Duration // 0: there is none to tell of
	}{
		"closed":            {closedly(closed), deaf(ms, 300*ms, 800*ms, record.OK), 200 * ms, 700 * ms},
		"to the end":        {closedly(closed), deaf(ms, 130*ms, 2*time.Second, record.OK), 30 * ms, time.Second},
		"from the begin":    {closedly(crowd), deaf(ms, 50*ms, 600*ms, record.OK), 0, 500 * ms},
		"folded":            {closedly(few), deaf(ms, 300*ms, 800*ms, record.OK), 200 * ms, 700 * ms},
		"errors":            {closedly(closed), deaf(ms, 300*ms, 800*ms, record.Failed), 200 * ms, 700 * ms},
		"open":              {openly(steady), deaf(ms, 200*ms, 1050*ms, record.OK), 100 * ms, 950 * ms},
		"refused":           {closedly(closed), func(context.Context, int) (int32, record.Outcome) { time.Sleep(ms); return 0, record.Refused }, 0, 0},
		"short":             {closedly(closed), deaf(ms, 300*ms, 500*ms, record.OK), 0, 0},
		"slow, all in step": {closedly(crowd), taking(300 * ms), 0, 0},
		"now and then":      {closedly(crowd), waiting(300 * ms), 0, 0},
		"slow":              {closedly(closed), taking(400 * ms), 0, 0},
		"few arrivals":      {openly(rare), taking(ms), 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := c.run(t, c.op)
			s := r.Silence
			if c.to == 0 {
				if s != nil {
					t.Errorf("told of %v", s)
				}
				return
			}
			if s == nil {
				t.Fatal("nobody was told of it")
			}
			const near = 5 * ms
			if (s.From-c.from).Abs() > near || (s.To-c.to).Abs() > near || s.Window != time.Second {
				t.Errorf("%v; want %v to %v", s, c.from, c.to)
			}
			sum := r.Summary()
			if e := sum.Evidence(); e.Silence != s {
				t.Errorf("the evidence has %v", e.Silence)
			}
		})
	}
}

// waiting answers each client's third call after a time, as who waits for another's
// state, and all clients are in step.
func waiting(long time.Duration) load.Op {
	var calls [16]int
	return func(_ context.Context, client int) (int32, record.Outcome) {
		if calls[client]++; calls[client]%3 == 0 {
			time.Sleep(long)
		}
		time.Sleep(ms)
		return 0, record.OK
	}
}

func closedly(c load.Closed) func(*testing.T, load.Op) load.Result {
	return func(t *testing.T, op load.Op) load.Result { return run(t, c, op) }
}

func openly(o load.Open) func(*testing.T, load.Op) load.Result {
	return func(t *testing.T, op load.Op) load.Result { return open(t, o, op) }
}
