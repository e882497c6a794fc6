// Package simhost hosts the cores of package node in the simulator, each with
// its journal, the code that runs on real disks, on the node's simulated one.
//
// The disk's syncs take time and may fail there; a crash tears what was not
// synced. So a hunt exercises the journal's recovery together with the core's.
// The purpose of the syncs that outputs wait for is "append", that of those
// after recovery "open": [sim.Hunt.Weaken] makes each lie.
package simhost

import (
	"io"

	"dyno/bench/sim"
	"dyno/internal/journal"
	"dyno/internal/node"
)

// Purposes of syncs; see [sim.Disk.SyncFor].
const (
	ForAppend = "append"
	ForOpen   = "open"
)

// segment is small, so that hunts meet the change from one to the next.
const segment = 8 << 10

// Host says how a core lives in a world. Core, Receive and Send are required.
type Host[In, Out any] struct {
	Core func() node.Core[In, Out] // a new life

	// Receive makes inputs of a message.
	Receive func(env *sim.Env, from sim.ID, msg any) []In
	Send    func(env *sim.Env, out Out)

	// Down is how long a node that gave up after a failed write or sync stays
	// down; 0: until something restarts it.
	Down sim.Delay

	// Compact is as in package host.
	Compact uint64

	// Hasty is a mutant: outputs do not wait for what they rest on.
	Hasty bool
}

// Node returns what [sim.World.Add] starts.
func (h Host[In, Out]) Node() sim.Node { return &life[In, Out]{host: h} }

// Timers and syncs of a life.
const (
	tagOpen uint64 = iota + 1
	tagAppend
)

// life is one life of a node.
type life[In, Out any] struct {
	host    Host[In, Out]
	env     *sim.Env
	core    node.Core[In, Out]
	log     *journal.Log
	gate    node.Gate[Out]
	begun   bool   // it takes inputs
	begin   uint64 // what Begin has written
	base    uint64 // the last record that a snapshot holds
	syncing bool
	timer   sim.TimerID
}

// Init recovers. Nothing happens until what was recovered is known to be
// durable.
func (l *life[In, Out]) Init(env *sim.Env) {
	l.env, l.core, l.gate.Open = env, l.host.Core(), l.host.Hasty
	opt := journal.Options{FS: &disk{Disk: env.Disk()}, Segment: segment, MaxRecord: segment}
	log, r, err := journal.OpenLog("journal", opt, l.recover)
	if err != nil {
		l.giveUp(err)
		return
	}
	l.log, l.base = log, r.Last-uint64(r.Records)
	env.Disk().SyncFor(ForOpen, tagOpen)
}

// recover hands one entry of the journal to the core.
func (l *life[In, Out]) recover(e journal.Entry) error {
	if e.Snapshot == nil {
		return l.core.Recover(e.Data)
	}
	snapshot, err := io.ReadAll(e.Snapshot)
	if err != nil {
		return err
	}
	return l.core.(node.Snapshotter).Restore(e.Sequence, snapshot)
}

// compact makes a snapshot if enough records have come together, all of them
// durable. A failure to write it is no failure of the journal.
func (l *life[In, Out]) compact() {
	core, able := l.core.(node.Snapshotter)
	if !able || l.host.Compact == 0 || l.syncing || l.log.Last()-l.base < l.host.Compact {
		return
	}
	if f, able := l.core.(node.Flusher[Out]); able {
		if e := f.Flush(l.env.Now()); len(e.Write) > 0 { // once that is durable
			l.apply(e)
			return
		}
	}
	l.base = l.log.Last()
	err := l.log.Snapshot(l.base, node.Freeze(core))
	if err != nil && !diskFailed(err) {
		l.env.Fail(err)
	}
	l.env.Sometimes(Compacted, err == nil)
}

// Compacted is the situation that a snapshot took the place of records.
const Compacted = "a snapshot took the place of records"

// giveUp ends the life after a disk error. Any other error is a failure of the
// run: the journal refuses what a crash has left, or the core its own records.
func (l *life[In, Out]) giveUp(err error) {
	if !diskFailed(err) {
		l.env.Fail(err)
		return
	}
	l.env.Exit(l.host.Down.Sample(l.env.Rand()))
}

// Receive implements [sim.Node].
func (l *life[In, Out]) Receive(from sim.ID, msg any) {
	if !l.begun {
		return // it does not listen yet
	}
	for _, in := range l.host.Receive(l.env, from, msg) {
		l.apply(l.core.Step(l.env.Now(), in))
	}
}

// Timer implements [sim.Node].
func (l *life[In, Out]) Timer(uint64) {
	l.timer = 0
	l.apply(l.core.Wake(l.env.Now()))
}

// Synced implements [sim.Syncer].
func (l *life[In, Out]) Synced(tag uint64, err error) {
	if tag == tagOpen {
		if err != nil {
			l.giveUp(err)
			return
		}
		l.apply(l.core.Begin(l.env.Now()))
		l.begin = l.log.Last()
		l.begun = l.log.Durable() == l.begin
		return
	}
	l.syncing = false
	if err := l.log.Synced(err); err != nil {
		l.giveUp(err)
		return
	}
	l.begun = l.begun || l.log.Durable() >= l.begin
	l.gate.Release(l.log.Durable(), l.send)
	l.flush()
	l.compact()
}

func (l *life[In, Out]) send(out Out) { l.host.Send(l.env, out) }

// apply does what the core wants.
func (l *life[In, Out]) apply(e node.Effects[Out]) {
	for _, out := range e.Early {
		l.send(out)
	}
	if len(e.Write) > 0 {
		if _, err := l.log.Append(e.Write...); err != nil {
			l.giveUp(err)
			return
		}
	}
	l.gate.HoldFor(e, l.log.Last())
	l.flush()
	l.gate.Release(l.log.Durable(), l.send)
	if e.Wake != 0 {
		if l.timer != 0 {
			l.env.Cancel(l.timer)
		}
		l.timer = l.env.SetTimer(e.Wake-l.env.Now(), 0)
	}
}

// flush writes what waits, unless the batch before is still on its way.
func (l *life[In, Out]) flush() {
	if l.syncing || l.log.Last() == l.log.Durable() {
		return
	}
	if err := l.log.Write(); err != nil {
		l.giveUp(err)
		return
	}
	l.syncing = true
	l.env.Disk().SyncFor(ForAppend, tagAppend)
}
