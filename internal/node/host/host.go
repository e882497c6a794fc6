// Package host runs the cores of package node in real time, over a journal on
// disk.
package host

import (
	"context"
	"errors"
	"sync"
	"time"

	"dyno/internal/journal"
	"dyno/internal/node"
)

// Options say how a [Host] runs a core. Send is required.
type Options[Out any] struct {
	Dir     string // of the journal; empty: nothing is remembered, and all that is written counts as durable
	Journal journal.Options

	// Send carries out one output. It is called for one at a time, in order, with
	// the core at rest, and perhaps before Open returns: it must not wait, nor call
	// the host. Calls stop when the journal fails.
	Send func(Out)

	// Compact has a core that is a [node.Snapshotter] compacted whenever so many
	// records have come together; 0: only when it is asked for.
	Compact uint64
}

// Host runs a core in real time with its journal on disk. It is safe for
// concurrent use.
type Host[In, Out any] struct {
	opt     Options[Out]
	journal *journal.Journal
	began   time.Time
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
	failure chan struct{} // closed when the journal has failed

	mu     sync.Mutex
	core   node.Core[In, Out]
	gate   node.Gate[Out]
	last   uint64 // the last record that was written
	base   uint64 // the last one that a snapshot holds, or is to hold
	wake   time.Duration
	timer  *time.Timer
	failed error
	closed bool

	compacting bool
}

// Open opens the journal, lets the core recover, begins, and returns once what
// that wrote is durable. An error of Recover ends it, as do those of
// [journal.Open].
func Open[In, Out any](core node.Core[In, Out], opt Options[Out]) (*Host[In, Out], journal.Recovery, error) {
	if opt.Send == nil {
		return nil, journal.Recovery{}, errors.New("host: Options.Send is not set")
	}
	var j *journal.Journal
	r := journal.Recovery{Created: true}
	var err error
	if opt.Dir != "" {
		j, r, err = journal.Open(opt.Dir, opt.Journal, func(e journal.Entry) error { return recoverEntry(core, e) })
	}
	if err != nil {
		return nil, r, err
	}
	h := &Host[In, Out]{opt: opt, journal: j, began: time.Now(), core: core, last: r.Last, failure: make(chan struct{})}
	h.base = r.Last - uint64(r.Records)
	h.ctx, h.cancel = context.WithCancel(context.Background())
	if j != nil {
		h.running.Go(h.follow)
	}
	h.mu.Lock()
	h.apply(core.Begin(h.now()))
	h.mu.Unlock()
	if err := h.Sync(h.ctx); err != nil {
		return nil, r, errors.Join(err, h.Close())
	}
	return h, r, nil
}

// Now is the core's clock.
func (h *Host[In, Out]) Now() time.Duration { return h.now() }

func (h *Host[In, Out]) now() time.Duration { return time.Since(h.began) }

// Step tells the core what happened. After a failure or Close it returns why
// nothing is taken in.
func (h *Host[In, Out]) Step(in In) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.unusable(); err != nil {
		return err
	}
	h.apply(h.core.Step(h.now(), in))
	return h.failed
}

// Steps tells the core several things at once, such as those of one message: as
// Step does of each, but what they write goes to the journal together, and what
// rests on any of it waits for all of it.
func (h *Host[In, Out]) Steps(ins ...In) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.unusable(); err != nil {
		return err
	}
	var all node.Effects[Out]
	for _, in := range ins {
		e := h.core.Step(h.now(), in)
		all.Early = append(all.Early, e.Early...)
		all.Write = append(all.Write, e.Write...)
		all.Send = append(all.Send, e.Send...)
		if e.Wake != 0 {
			all.Wake = e.Wake
		}
	}
	h.apply(all)
	return h.failed
}

// View calls f while the core is at rest, to look at it.
func (h *Host[In, Out]) View(f func(now time.Duration)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f(h.now())
}

// apply does what a core wants; mu is held.
func (h *Host[In, Out]) apply(e node.Effects[Out]) {
	for _, out := range e.Early {
		h.opt.Send(out)
	}
	if len(e.Write) > 0 {
		last, err := h.submit(e.Write)
		if err != nil {
			h.fail(err)
			return
		}
		h.last = last
	}
	h.gate.HoldFor(e, h.last)
	h.release()
	h.compactSoon()
	if e.Wake != 0 {
		h.schedule(e.Wake)
	}
}

func (h *Host[In, Out]) submit(records [][]byte) (last uint64, err error) {
	if h.journal == nil {
		return h.last + uint64(len(records)), nil
	}
	return h.journal.Submit(h.ctx, records...)
}

// release sends what is free to go; mu is held.
func (h *Host[In, Out]) release() {
	if h.gate.Waiting() > 0 {
		durable := h.last
		if h.journal != nil {
			durable, _ = h.journal.Durable()
		}
		h.gate.Release(durable, h.opt.Send)
	}
}

// Durable is the number of the last record that is on disk, and Last that of the
// last one that was written.
func (h *Host[In, Out]) Durable() (durable, last uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if durable = h.last; h.journal != nil {
		durable, _ = h.journal.Durable()
	}
	return durable, h.last
}

// follow releases outputs as records become durable.
func (h *Host[In, Out]) follow() {
	for {
		_, changed := h.journal.Durable()
		h.mu.Lock()
		h.release()
		if err := h.journal.Err(); err != nil && !errors.Is(err, journal.ErrClosed) {
			h.fail(err)
		}
		over := h.unusable() != nil
		h.mu.Unlock()
		if over {
			return
		}
		select {
		case <-changed:
		case <-h.ctx.Done():
			return
		}
	}
}

// schedule has the core woken at a moment; mu is held.
func (h *Host[In, Out]) schedule(at time.Duration) {
	h.wake = at
	if h.timer != nil {
		h.timer.Stop()
	}
	h.timer = time.AfterFunc(max(0, at-h.now()), func() { h.ring(at) })
}

// ring wakes the core, unless another moment was named meanwhile.
func (h *Host[In, Out]) ring(at time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.unusable() == nil && h.wake == at {
		h.wake = 0
		h.apply(h.core.Wake(h.now()))
	}
}

// fail stops the host for good; mu is held.
func (h *Host[In, Out]) fail(err error) {
	if h.failed == nil && !h.closed {
		h.failed = err
		close(h.failure)
	}
}

// Stats says what the journal has done since it was opened.
func (h *Host[In, Out]) Stats() journal.Stats { return h.journal.Stats() }

// Failed is closed when the journal has failed: from then on nothing is taken
// in and nothing goes out, and the process should end. [Host.Err] says why.
func (h *Host[In, Out]) Failed() <-chan struct{} { return h.failure }

// Err says why nothing is taken in any more; nil while it is.
func (h *Host[In, Out]) Err() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.unusable()
}

// ErrClosed is returned after Close.
var ErrClosed = errors.New("host: closed")

func (h *Host[In, Out]) unusable() error {
	if h.closed {
		return ErrClosed
	}
	return h.failed
}

// Sync returns once everything that the core has written so far is durable,
// and what rested on it is sent.
func (h *Host[In, Out]) Sync(ctx context.Context) error {
	h.mu.Lock()
	last := h.last
	h.mu.Unlock()
	if h.journal != nil {
		if err := h.journal.Sync(ctx, last); err != nil {
			return err
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.release()
	return h.failed
}

// Close makes durable what was written, sends what rested on it, and closes the
// journal. Further calls return ErrClosed.
func (h *Host[In, Out]) Close() error {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return ErrClosed
	}
	if h.timer != nil {
		h.timer.Stop()
	}
	h.mu.Unlock()
	var err error
	if h.journal == nil || h.journal.Err() == nil {
		err = h.Sync(context.Background())
	}
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.cancel()
	if h.journal != nil {
		err = errors.Join(err, h.journal.Close())
	}
	h.running.Wait()
	return err
}
