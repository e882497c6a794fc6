package sim

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// ID is a node's number in its world: 0, 1, 2 … in the order of [World.Add].
type ID int32

// TimerID names a timer that was set. No timer has the zero TimerID.
type TimerID uint64

// Node is one life of a process: the thin shell that turns messages, timers
// and disk completions into calls of a protocol core, and what the core wants
// into calls of its [Env]. A world calls one method at a time; a method must
// return, and takes no virtual time.
//
// A crash ends a Node for good. A restart makes a new one, which finds in its
// Init what survived on the disk.
type Node interface {
	Init(env *Env)
	Receive(from ID, msg any)
	Timer(tag uint64)
}

// Stopper is a Node that takes its leave when the fault [Stop] asks it to, by
// messages for example, before its life ends.
type Stopper interface {
	Node
	Stop()
}

// Syncer is a Node that uses [Disk.Sync].
type Syncer interface {
	Node
	// Synced says that the sync with this tag is over. With an error, what it
	// covered is not durable and never will be; see [Disk.Sync].
	Synced(tag uint64, err error)
}

// node is a process through all its lives.
type node struct {
	id    ID
	name  string
	make  func() Node
	clock Clock

	life    uint32 // grows with every start and every crash
	env     *Env   // of this life; nil while down
	node    Node   // of this life; nil while down
	store   store
	net     rand.PCG // one draw for every message sent
	crashes []int    // the faults that keep it down
	pauses  []int    // the faults that keep it paused
	backlog []event  // what happened while it was paused
}

func (n *node) up() bool     { return n.env != nil }
func (n *node) paused() bool { return len(n.pauses) > 0 }

// Env is what one life of a node has of the world. It is valid until that life
// ends; what a dead one asks for does not happen.
type Env struct {
	w    *World
	n    *node
	dead bool
	rng  *rand.Rand
	pcg  *rand.PCG // behind rng
	disk Disk
}

// ID returns the node's own number.
func (e *Env) ID() ID { return e.n.id }

// Now reads the node's clock: time since the start of the world, unless
// [World.SetClock] made it differ. It never runs backwards.
func (e *Env) Now() time.Duration {
	if e.n.clock == (Clock{}) {
		return time.Duration(e.w.now)
	}
	return time.Duration(e.n.clock.read(e.w.now))
}

// Rand returns the node's own generator, seeded by the world's seed, the
// node's number and its life. Use no other.
func (e *Env) Rand() *rand.Rand { return e.rng }

// Disk returns the node's disk.
func (e *Env) Disk() *Disk { return &e.disk }

// Send puts a message on its way. The receivers share msg with the sender and
// each other (see [Link.Duplicate]): it must never change after Send, or
// [Config].Clone must be set. A message to the node itself needs no network:
// it comes at once, after what was already due.
func (e *Env) Send(to ID, msg any) {
	if !e.dead {
		e.w.send(e.n, to, msg)
	}
}

// SetTimer has [Node].Timer called with tag once wait has passed on the node's
// clock. A wait below 0 counts as 0.
func (e *Env) SetTimer(wait time.Duration, tag uint64) TimerID {
	if e.dead {
		return 0
	}
	at := e.n.clock.after(e.w.now, wait)
	return e.w.schedule(at, event{what: timer, node: e.n.id, life: e.n.life, tag: tag})
}

// Cancel keeps a timer from firing and reports whether it was going to.
func (e *Env) Cancel(id TimerID) bool {
	if e.dead {
		return false
	}
	if e.w.queue.remove(id) {
		return true
	}
	for i := range e.n.backlog {
		if ev := &e.n.backlog[i]; ev.what == timer && ev.id == id {
			ev.what = nothing
			return true
		}
	}
	return false
}

// Trace adds a line to the trace, if there is one. The arguments must print
// alike in every run: no pointers.
func (e *Env) Trace(format string, args ...any) {
	if (e.w.cfg.Trace || e.w.cfg.Record) && !e.dead {
		text := fmt.Sprintf(format, args...)
		e.w.traceText(e.n, text)
		e.w.note(Moment{What: "note", Node: e.n.id, Text: text})
	}
}

// Fail ends the run with an error that names the time and the node: for
// invariants that a node can check while it runs.
func (e *Env) Fail(err error) {
	if !e.dead {
		e.w.note(Moment{What: "broken", Node: e.n.id, Text: err.Error()})
		e.w.stop(fmt.Errorf("at %v %s: %w", e.w.Now(), e.n.name, err))
	}
}

// Exit ends this life at once, as a [Crash] does: for a process that gives up,
// such as after a failed write. It starts again after down, or with down 0 only
// by a [Restart]. Each exit counts as a fault against [Limits].Faults.
func (e *Env) Exit(down time.Duration) {
	if !e.dead {
		e.w.strike(Fault{At: e.w.Now(), Kind: Crash, Node: e.n.name, For: max(down, 0)})
	}
}

// Stop ends the current run without an error, once the node returns.
func (e *Env) Stop() { e.w.halted = e.w.halted || !e.dead }
