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

// run is what all workers of a run share. Only issued, spans and folded change,
// and they are touched rarely or only when Requests asks for it. An open loop's
// Clients are the most operations that it may have in flight.
type run struct {
	Closed
	origin     time.Time // 0 on the spans' clock
	begin, end int64     // planned window; end is MaxInt64 when Requests ends the run
	issued     atomic.Int64
	spans      budget
	fail       context.CancelCauseFunc

	// Of an open loop, by its pacer.
	schedule              *Schedule
	offered, windowOffers int64
	unsent                uint64 // fingerprint of the starts of operations that were not sent
	below                 time.Duration

	tap *tap // nil: nobody looks on

	folding sync.Mutex // guards folded
	folded  Folded
}

func newRun(c Closed, fail context.CancelCauseFunc) *run {
	r := &run{Closed: c, fail: fail, begin: int64(c.Warmup), end: math.MaxInt64}
	if c.Requests == 0 {
		r.end = int64(c.Warmup + c.Length)
	}
	r.tap = newTap(c.Length)
	r.Each = r.tap.each(r.Each)
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

// stopped says why a run ended before its time: running is the run's context,
// made from the caller's; nil when it did not.
func stopped(caller, running context.Context) error {
	why := context.Cause(running)
	if err := caller.Err(); why != nil && err != nil && !errors.Is(why, err) {
		why = fmt.Errorf("%w: %w", err, why)
	}
	return why
}

// worker does one operation at a time. It shares nothing while it runs.
type worker struct {
	run    *run
	client int32
	spans  log[record.Span]
	sent   log[int64] // of an open loop: when each span's operation was really sent
	counts record.Counts
	idle   int64 // time between operations, in the planned window
	lag    int64 // of an open loop: time that operations were late, in the planned window
	last   int64 // when the last operation ended

	bounded context.Context // of its operations until renew; see bound
	release context.CancelFunc
	renew   time.Time

	next chan int64 // of an open loop: the intended start of its next operation; closed when there is none
}

// room makes sure that the next operation's span can be kept: where the budget
// is used up, it makes room by folding what it kept last.
func (w *worker) room() {
	if w.spans.room() {
		return
	}
	n := w.run.spans.take()
	if n == 0 && w.spans.current != nil {
		w.run.fold(w.spans.current, w.sent.current)
		w.spans.clear()
		w.sent.clear()
		return
	}
	n = max(n, int(w.run.spans.chunk)) // a worker that came too late for the budget
	w.spans.grow(n)
	if w.run.schedule != nil {
		w.sent.grow(n)
	}
}

// do runs one operation that was to start at a time and starts at begin.
func (w *worker) do(ctx context.Context, op Op, intended, begin int64) {
	r := w.run
	w.idle += clip(w.last, begin, r.begin, r.end)
	target, outcome := w.call(ctx, op)
	w.last = r.now()
	w.counts.Tally(outcome)
	span := record.Span{Begin: intended, End: w.last, Client: w.client, Target: target, Outcome: outcome}
	w.spans.append(span)
	if r.schedule != nil {
		w.lag += clip(intended, begin, r.begin, r.end)
		w.sent.append(begin)
	}
	if r.Each != nil {
		r.Each(span)
	}
}

func (w *worker) call(ctx context.Context, op Op) (target int32, o record.Outcome) {
	ctx = w.bound(ctx)
	defer func() {
		if p := recover(); p != nil {
			target, o = -1, record.Failed
			w.run.fail(fmt.Errorf("the operation of client %d panicked: %v\n%s", w.client, p, debug.Stack()))
		}
	}()
	return op(ctx, int(w.client))
}

// bound gives an operation its deadline. A context with a timer of its own costs
// each call an allocation and a timer: the next ones of this client share it, for as
// long as their deadlines are a sixteenth late at most. Short ones are exact.
func (w *worker) bound(ctx context.Context) context.Context {
	now, slack := time.Now(), w.run.Timeout/16
	if w.run.Timeout < time.Second {
		slack = 0
	}
	if w.bounded != nil && slack > 0 && now.Before(w.renew) && w.bounded.Err() == nil {
		return w.bounded
	}
	if w.release != nil {
		w.release()
	}
	w.renew = now.Add(slack)
	w.bounded, w.release = context.WithDeadline(ctx, w.renew.Add(w.run.Timeout))
	return w.bounded
}

// clip is the part of [from, to] that lies in [begin, end].
func clip(from, to, begin, end int64) int64 {
	return max(0, min(to, end)-max(from, begin))
}
