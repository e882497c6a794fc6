package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"dyno/internal/record"
)

// Op does one operation on behalf of a client (0 to Clients-1) and says who
// served it (-1: nobody) and how it ended. It is called by many goroutines at
// once, but never twice at once for the same client. It must return soon
// after its context ends, which may be later than the operation: nothing else
// bounds it.
type Op func(ctx context.Context, client int) (target int32, o record.Outcome)

// Defaults and bounds of [Closed] and [Open].
const (
	MaxClients      = 100_000
	DefaultTimeout  = 10 * time.Second
	DefaultMaxSpans = 4 << 20 // 128 MiB while it runs (32 bytes each; of an open loop 40), up to twice that for the checks at its end
)

// Closed is a closed loop. All clients start at once and send back to back,
// without think time. Either Length or Requests ends the sending.
type Closed struct {
	Clients  int           // 1 to MaxClients
	Warmup   time.Duration // load without being measured, before the window
	Length   time.Duration // of the window; when it ends, no operation starts any more
	Requests int64         // instead of Warmup and Length: operations in all; the window is then the whole run
	// of one operation, in the deadline of its context; from 1 s on it may be a sixteenth later, for calls share contexts; 0: DefaultTimeout
	Timeout time.Duration
	Drain   time.Duration // what operations in flight at the window's end are given until they are cancelled; 0: Timeout, so that none is
	// operations whose spans are kept, up to 2 % less; later ones are folded into histograms and sums; 0: DefaultMaxSpans
	MaxSpans int

	Step time.Duration // of the result's timeline, of a run that has a Length; 0: none

	// Each is told of every operation's span, by the client whose it is, before
	// its next one: for whoever keeps an account of a run of any length. The time
	// that it takes is time between operations. Nil: nobody.
	Each func(record.Span)
}

// Run loads op and returns what happened. When the context ends, operations
// in flight are cancelled, and Run returns an error that wraps the context's,
// together with what was seen until then. So it does when an operation panics
// (counted as failed).
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

	workers := make([]*worker, c.Clients)
	var wg sync.WaitGroup
	for i := range workers {
		workers[i] = &worker{run: r, client: int32(i)}
		wg.Go(func() { workers[i].loop(sending, op) })
	}
	wg.Wait()
	err = stopped(ctx, running)
	res := r.result(workers, err == nil)
	if err != nil {
		return res, fmt.Errorf("load stopped after %d operations: %w", res.Counts.Sent, err)
	}
	return res, nil
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
	case c.Step < 0 || c.Step > 0 && c.Length/c.Step >= maxSteps*2:
		return c, fmt.Errorf("load: Step is %v of a window of %v; it must be 0, or make fewer than %d steps", c.Step, c.Length, maxSteps*2)
	case c.MaxSpans < c.Clients:
		return c, fmt.Errorf("load: MaxSpans is %d; %d clients need one each at least", c.MaxSpans, c.Clients)
	}
	return c, nil
}

// admit says whether an operation may start at a time.
func (r *run) admit(begin int64) bool {
	if r.Requests > 0 {
		return r.issued.Add(1) <= r.Requests
	}
	return begin < r.end
}

// loop is a client that waits for each answer.
func (w *worker) loop(ctx context.Context, op Op) {
	// A context of its own, so that the deadlines of its operations are
	// registered with the worker and not, under one lock, with the run.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for ctx.Err() == nil {
		w.room()
		begin := w.run.now()
		if !w.run.admit(begin) {
			return
		}
		w.do(ctx, op, begin, begin)
	}
}
