// Package node gives protocol cores that remember one shape, so that the same
// core runs behind gRPC with a journal on a real disk, and in the simulator
// with the same journal on a simulated one.
//
// A [Core] is a deterministic state machine: one input at a time, at a moment
// that the host tells, and out come [Effects]: records to remember, outputs to
// send, and when it wants to be woken. It knows no clock, no disk, no network
// and no chance but what it is given.
//
// # Durable before sent
//
// What a core sends may rest on anything that it has written so far. So a host
// keeps every output back until all records of that step, and of those before
// it, are durable; only what the core marks as early goes out at once. That rule
// is kept in one place, the [Gate], for both hosts: a core cannot forget it.
//
// # Recovery
//
// A new life begins with the records of the journal, oldest first, each through
// Recover, and then Begin. A record that was never acknowledged may be among
// them: a core must be content with any prefix of what it wrote.
//
// The hosts are in package host, over a journal on disk, and in package simhost,
// over bench/sim.
package node

import (
	"cmp"
	"io"
	"slices"
	"time"
)

// Core is a protocol with a durable memory. Calls come one at a time, and now
// never runs backwards within a life; lives do not share a clock.
type Core[In, Out any] interface {
	// Recover takes in one record that an earlier life wrote. The record is valid
	// during the call only.
	Recover(record []byte) error
	// Begin comes once, after the last Recover. No input comes before what it writes
	// is durable.
	Begin(now time.Duration) Effects[Out]
	// Step takes in one thing that happened.
	Step(now time.Duration, in In) Effects[Out]
	// Wake comes at or after the moment that the last Effects with a Wake named.
	Wake(now time.Duration) Effects[Out]
}

// Snapshotter is a core whose records a snapshot can replace: without it the
// journal grows for ever.
type Snapshotter interface {
	// Snapshot is what all records so far add up to; never changed afterwards.
	Snapshot() []byte
	// Restore comes before the first Recover, with what Snapshot returned after that
	// many records.
	Restore(records uint64, snapshot []byte) error
}

// Freezer is a Snapshotter with so much state that others should not wait while a
// snapshot is made of it.
type Freezer interface {
	Snapshotter
	// Freeze returns what writes the snapshot of this moment. It may run beside
	// later calls of the core, so it reads nothing that they change.
	Freeze() func(io.Writer) error
}

// Flusher is a core that keeps some records back until others go, to spare the
// disk. Hosts have them written before a snapshot, which holds exactly what the
// records up to it add up to.
type Flusher[Out any] interface {
	Flush(now time.Duration) Effects[Out]
}

// Freeze returns what writes a snapshot of this moment.
func Freeze(core Snapshotter) func(io.Writer) error {
	if f, able := core.(Freezer); able {
		return f.Freeze()
	}
	snapshot := core.Snapshot()
	return func(w io.Writer) error {
		_, err := w.Write(snapshot)
		return err
	}
}

// Idle is embedded by a core that does nothing but answer inputs.
type Idle[Out any] struct{}

// Begin implements [Core].
func (Idle[Out]) Begin(time.Duration) (none Effects[Out]) { return none }

// Wake implements [Core].
func (Idle[Out]) Wake(time.Duration) (none Effects[Out]) { return none }

// Effects are what a core wants done. The zero value wants nothing.
type Effects[Out any] struct {
	Write [][]byte      // records for the journal, in order; never changed afterwards
	Send  []Out         // once all that was written so far is durable, or Rest
	Rest  uint64        // the record that Send rests on, by number in the journal, from 1; 0: the last one written
	Early []Out         // at once: nothing depends on whether it is remembered
	Wake  time.Duration // when Wake is to be called, in place of what was named before; 0: as before
}

// Gate keeps outputs back until what they rest on is durable. The zero value is
// ready to use. It belongs to one goroutine.
type Gate[Out any] struct {
	held []heldBack[Out]

	// Open lets everything through at once: a mutant, for tests of tests.
	Open bool
}

type heldBack[Out any] struct {
	seq  uint64
	outs []Out
}

// Hold keeps outputs back until record seq is durable. They pass those held that
// rest on later records.
func (g *Gate[Out]) Hold(seq uint64, outs []Out) {
	if len(outs) == 0 {
		return
	}
	at := len(g.held)
	for at > 0 && g.held[at-1].seq > seq {
		at--
	}
	g.held = slices.Insert(g.held, at, heldBack[Out]{seq, outs})
}

// HoldFor keeps back what effects send, whose records the journal has numbered
// up to last.
func (g *Gate[Out]) HoldFor(e Effects[Out], last uint64) { g.Hold(cmp.Or(e.Rest, last), e.Send) }

// Release hands over, in order, what rests on nothing beyond the durable
// records.
func (g *Gate[Out]) Release(durable uint64, send func(Out)) {
	n := 0
	for ; n < len(g.held) && (g.Open || g.held[n].seq <= durable); n++ {
		for _, out := range g.held[n].outs {
			send(out)
		}
		g.held[n] = heldBack[Out]{}
	}
	g.held = g.held[n:]
	if len(g.held) == 0 {
		g.held = nil
	}
}

// Waiting reports how many steps have outputs that are kept back.
func (g *Gate[Out]) Waiting() int { return len(g.held) }
