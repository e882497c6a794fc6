package load

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"dyno/internal/record"
)

// Op does one operation on behalf of a client (0 to Clients-1) and says who
// served it (-1: nobody) and how it ended. It is called by many goroutines at
// once, but never twice at once for the same client. It must return soon
// after its context ends: nothing else bounds it.
type Op func(ctx context.Context, client int) (target int32, o record.Outcome)

// Defaults and bounds of [Closed].
const (
	MaxClients      = 100_000
	DefaultTimeout  = 10 * time.Second
	DefaultMaxSpans = 4 << 20 // 128 MiB
)

// Closed is a closed loop. All clients start at once and send back to back,
// without think time. Either Length or Requests ends the sending.
type Closed struct {
	Clients  int           // 1 to MaxClients
	Warmup   time.Duration // load without being measured, before the window
	Length   time.Duration // of the window; when it ends, no operation starts any more
	Requests int64         // instead of Warmup and Length: operations in all; the window is then the whole run
	Timeout  time.Duration // of one operation, in the deadline of its context; 0: DefaultTimeout
	Drain    time.Duration // what operations in flight at the window's end are given until they are cancelled; 0: Timeout, so that none is
	MaxSpans int           // operations that are kept; a run that needs more ends with an error, up to 2 % before it; 0: DefaultMaxSpans
}

// Run loads op and returns what happened. When the context ends, operations
// in flight are cancelled, and Run returns an error that wraps the context's,
// together with what was seen until then. So it does when an operation panics
// (counted as failed) or when there is no room for another span.
func (c Closed) Run(ctx context.Context, op Op) (Result, error) {
	c, err := c.complete()
	if err != nil {
		return Result{}, err
	}
	if op == nil {
		return Result{}, errors.New("load: no operation to run")
	}
	running, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	r := newRun(c, stop)
	sending, cancel := r.bound(running)
	defer cancel()

	workers := make([]worker, c.Clients)
	var wg sync.WaitGroup
	for i := range workers {
		workers[i] = worker{run: r, client: int32(i)}
		wg.Go(func() { workers[i].loop(sending, op) })
	}
	wg.Wait()
	why := context.Cause(running)
	if why == nil {
		return r.result(workers, true), nil
	}
	if err := ctx.Err(); err != nil && !errors.Is(why, err) {
		why = fmt.Errorf("%w: %w", err, why)
	}
	res := r.result(workers, false)
	return res, fmt.Errorf("load stopped after %d operations: %w", res.Counts.Sent, why)
}

func (c Closed) complete() (Closed, error) {
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Drain == 0 {
		c.Drain = c.Timeout
	}
	if c.MaxSpans == 0 {
		c.MaxSpans = DefaultMaxSpans
	}
	switch {
	case c.Clients < 1 || c.Clients > MaxClients:
		return c, fmt.Errorf("load: Clients is %d; it must be from 1 to %d", c.Clients, MaxClients)
	case c.Requests < 0:
		return c, fmt.Errorf("load: Requests is %d; it must not be negative", c.Requests)
	case c.Requests > 0 && c.Length != 0:
		return c, fmt.Errorf("load: Length is %v beside Requests %d; give one of them", c.Length, c.Requests)
	case c.Requests > 0 && c.Warmup != 0:
		return c, fmt.Errorf("load: Warmup is %v; a run of %d Requests has none", c.Warmup, c.Requests)
	case c.Requests == 0 && c.Length <= 0:
		return c, fmt.Errorf("load: Length is %v; it must be positive, or Requests be set instead", c.Length)
	case c.Warmup < 0:
		return c, fmt.Errorf("load: Warmup is %v; it must not be negative", c.Warmup)
	case c.Timeout < 0:
		return c, fmt.Errorf("load: Timeout is %v; it must not be negative", c.Timeout)
	case c.Drain < 0:
		return c, fmt.Errorf("load: Drain is %v; it must not be negative", c.Drain)
	case c.MaxSpans < c.Clients:
		return c, fmt.Errorf("load: MaxSpans is %d; %d clients need one each at least", c.MaxSpans, c.Clients)
	case c.Requests > int64(c.MaxSpans):
		return c, fmt.Errorf("load: Requests is %d; MaxSpans allows %d", c.Requests, c.MaxSpans)
	}
	return c, nil
}

// run is what all workers of a run share. Only issued and spans change, and
// they are touched rarely or only when Requests asks for it.
type run struct {
	Closed
	origin     time.Time // 0 on the spans' clock
	begin, end int64     // planned window; end is MaxInt64 when Requests ends the run
	issued     atomic.Int64
	spans      budget
	fail       context.CancelCauseFunc
}

func newRun(c Closed, fail context.CancelCauseFunc) *run {
	r := &run{Closed: c, fail: fail, begin: int64(c.Warmup), end: math.MaxInt64}
	if c.Requests == 0 {
		r.end = int64(c.Warmup + c.Length)
	}
	r.spans.init(c)
	r.origin = time.Now()
	return r
}

// bound ends the context of operations when the drain is over.
func (r *run) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if r.Requests > 0 {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, r.origin.Add(time.Duration(r.end)+r.Drain))
}

func (r *run) now() int64 { return int64(time.Since(r.origin)) }

// admit says whether an operation may start at a time.
func (r *run) admit(begin int64) bool {
	if r.Requests > 0 {
		return r.issued.Add(1) <= r.Requests
	}
	return begin < r.end
}

// worker is one client. It shares nothing while it runs.
type worker struct {
	run    *run
	client int32
	log    spanLog
	counts record.Counts
	idle   int64 // time between operations, in the planned window
	last   int64 // when the last operation ended
}

func (w *worker) loop(ctx context.Context, op Op) {
	// A context of its own, so that the deadlines of its operations are
	// registered with the worker and not, under one lock, with the run.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for ctx.Err() == nil {
		if !w.log.reserve(&w.run.spans) {
			w.run.fail(fmt.Errorf("no room for more than %d spans: measure for a shorter time, or raise MaxSpans", w.run.MaxSpans))
			return
		}
		begin := w.run.now()
		if !w.run.admit(begin) {
			return
		}
		w.idle += clip(w.last, begin, w.run.begin, w.run.end)
		target, outcome := w.call(ctx, op)
		w.last = w.run.now()
		w.counts.Tally(outcome)
		w.log.append(record.Span{Begin: begin, End: w.last, Client: w.client, Target: target, Outcome: outcome})
	}
}

func (w *worker) call(ctx context.Context, op Op) (target int32, o record.Outcome) {
	ctx, cancel := context.WithTimeout(ctx, w.run.Timeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			target, o = -1, record.Failed
			w.run.fail(fmt.Errorf("the operation of client %d panicked: %v\n%s", w.client, p, debug.Stack()))
		}
	}()
	return op(ctx, int(w.client))
}

// clip is the part of [from, to] that lies in [begin, end].
func clip(from, to, begin, end int64) int64 {
	return max(0, min(to, end)-max(from, begin))
}
