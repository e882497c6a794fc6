package load

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"dyno/internal/record"
)

// DefaultMaxInFlight is how many operations an [Open] loop has in flight at
// most, unless it says otherwise.
const DefaultMaxInFlight = 4096

// Open is an open loop. Operations start when the schedule says so, whether or
// not earlier ones were answered, as those of many independent callers do; and
// latency runs from that intended start, whatever kept the operation from
// being sent.
type Open struct {
	Arrivals string        // one of Arrivals
	Rate     float64       // operations per second that are offered, above 0 and up to MaxRate
	Profile  Profile       // in place of Rate: the rate over time, as Profile.Fit lays it into the window
	Replay   Replay        // in place of Arrivals and Rate: recorded arrivals, from the window's begin on
	Seed     uint64        // the schedule comes from it
	Warmup   time.Duration // load without being measured, before the window
	Length   time.Duration // of the window; when it ends, no operation is offered any more
	Timeout  time.Duration // of one operation, from its actual start, in the deadline of its context; 0: DefaultTimeout
	Drain    time.Duration // what operations in flight at the window's end are given until they are cancelled; 0: Timeout, so that none is

	MaxInFlight int // 1 to MaxClients; operations that arrive beyond it are offered and counted, but not sent; 0: DefaultMaxInFlight
	MaxSpans    int // as in Closed

	Step time.Duration // as in Closed

	Each func(record.Span) // as in Closed, by the slot whose it is

	below time.Duration // of a search: Result says how many were answered within it

	Alarm Alarm // by which the pacer waits, closed by Run; nil: the most exact there is. In virtual time give NewCoarseAlarm
}

// Run loads op and returns what happened, as [Closed.Run] does. The client
// that op is told is the slot that the operation occupies while it is in
// flight, 0 to MaxInFlight-1; the lowest ones are used most.
func (o Open) Run(ctx context.Context, op Op) (Result, error) {
	o, bounds, err := o.complete()
	if err != nil {
		return Result{}, err
	}
	if op == nil {
		return Result{}, errors.New("load: no operation to run")
	}
	if o.Alarm == nil {
		if o.Alarm, err = NewAlarm(); err != nil {
			return Result{}, fmt.Errorf("load: %w", err)
		}
	}
	defer o.Alarm.Close()
	running, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	defer context.AfterFunc(running, o.Alarm.Close)()

	r := newRun(bounds, stop)
	r.below = o.below
	r.schedule = o.schedule()
	sending, cancel := r.bound(running)
	defer cancel()
	p := &pacer{run: r, alarm: o.Alarm, op: op}
	p.pace(sending)
	p.wait()
	err = stopped(ctx, running)
	res := r.result(p.workers, err == nil)
	if err != nil {
		return res, fmt.Errorf("load stopped after %d operations: %w", res.Counts.Sent, err)
	}
	return res, nil
}

// complete fills in defaults and returns what an open loop has in common with
// a closed one.
func (o Open) complete() (Open, Closed, error) {
	if o.MaxInFlight == 0 {
		o.MaxInFlight = DefaultMaxInFlight
	}
	if o.MaxInFlight < 1 || o.MaxInFlight > MaxClients {
		return o, Closed{}, fmt.Errorf("load: MaxInFlight is %d; it must be from 1 to %d", o.MaxInFlight, MaxClients)
	}
	if err := o.schedule().check(); err != nil {
		return o, Closed{}, err
	}
	if o.Length <= 0 {
		return o, Closed{}, fmt.Errorf("load: Length is %v; it must be positive", o.Length)
	}
	bounds, err := Closed{
		Clients: o.MaxInFlight, Warmup: o.Warmup, Length: o.Length, Timeout: o.Timeout, Drain: o.Drain, MaxSpans: o.MaxSpans, Each: o.Each,
		Step: o.Step,
	}.complete()
	if err != nil {
		return o, bounds, err
	}
	return o, bounds, nil
}

// Peak is the highest rate that is offered, per second; infinite of recorded
// arrivals, which say no rate.
func (o Open) Peak() float64 {
	switch {
	case o.Replay != nil:
		return math.Inf(1)
	case o.Profile != nil:
		return o.Profile.peak()
	}
	return o.Rate
}

func (o Open) schedule() *Schedule {
	s := &Schedule{Arrivals: o.Arrivals, Rate: o.Rate, Seed: o.Seed, Profile: o.Profile}
	if o.Replay != nil {
		s.Recorded, s.replay, s.warmup = len(o.Replay), o.Replay, o.Warmup
	}
	return s
}

// pacer hands operations to workers when they are to start. A worker that is
// done goes back on top of the pile, so that few are used, and their stacks
// stay warm, as long as answers come soon.
type pacer struct {
	run     *run
	alarm   Alarm
	op      Op
	workers []*worker
	running sync.WaitGroup

	mu   sync.Mutex // guards pile
	pile []*worker
}

// pace offers operations until the window is over or the context ends.
func (p *pacer) pace(ctx context.Context) {
	r := p.run
	for start := range r.schedule.Starts() {
		at := int64(start)
		if at >= r.end {
			break
		}
		if wait := at - r.now(); wait > 0 && p.alarm.Wait(time.Duration(wait)) != nil {
			return // the run was stopped
		}
		if ctx.Err() != nil {
			return
		}
		r.offered++
		if at >= r.begin {
			r.windowOffers++
		}
		if w := p.take(ctx); w != nil {
			w.next <- at // never blocks: it is idle, and there is room for one
		} else {
			r.unsent += fingerprint(at)
		}
	}
	_ = p.alarm.Wait(time.Duration(r.end - r.now())) // a window lasts as long as it says, however early its last arrival
}

// take returns an idle worker, a new one if there is none; nil when as many as
// may be are in flight.
func (p *pacer) take(ctx context.Context) *worker {
	p.mu.Lock()
	if n := len(p.pile); n > 0 {
		w := p.pile[n-1]
		p.pile = p.pile[:n-1]
		p.mu.Unlock()
		return w
	}
	p.mu.Unlock()
	if len(p.workers) == p.run.Clients {
		return nil
	}
	w := &worker{run: p.run, client: int32(len(p.workers)), next: make(chan int64, 1)}
	p.workers = append(p.workers, w)
	p.running.Go(func() { p.serve(ctx, w) })
	return w
}

// serve is a worker: it sends what it is handed and lies down on the pile.
func (p *pacer) serve(ctx context.Context, w *worker) {
	// As in a closed loop: a context of its own for the deadlines.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for intended := range w.next {
		w.room()
		w.do(ctx, p.op, intended, w.run.now())
		p.mu.Lock()
		p.pile = append(p.pile, w)
		p.mu.Unlock()
	}
}

// wait lets the workers finish what they have.
func (p *pacer) wait() {
	for _, w := range p.workers {
		close(w.next)
	}
	p.running.Wait()
}
