package simulator

import (
	"io"
	"time"

	"dyno/internal/node"
)

// A crash point is WHEN-WHAT:
//
//	received-X  input X has come, and nothing has happened yet
//	applied-X   the core has taken it in, and nothing is written yet
//	before-X    record X is about to be written
//	unsynced-X  record X is written and not synced
//	after-X     record X is durable, and nothing that rests on it has left
//	sent-X      output X has left
//
// points name what passes through a core: "" for what is no point.
type points[In, Out any] struct {
	input  func(In) string
	record func([]byte) string
	output func(Out) (rests, is string)
}

// tapped is a core that tells its points, and what it writes and recovers.
type tapped[In, Out any] struct {
	node.Core[In, Out]
	points points[In, Out]
	hook   func(point string)
	log    *log
	watch  func(In) // sees inputs before the core does
	also   []In     // comes right after the begin
}

// Recover implements [node.Core].
func (t *tapped[In, Out]) Recover(record []byte) error {
	t.log.recovered(record)
	return t.Core.Recover(record)
}

// Begin implements [node.Core].
func (t *tapped[In, Out]) Begin(now time.Duration) node.Effects[Out] {
	t.log.cut()
	e := t.Core.Begin(now)
	for _, in := range t.also {
		more := t.Core.Step(now, in)
		e.Write, e.Send, e.Early = append(e.Write, more.Write...), append(e.Send, more.Send...), append(e.Early, more.Early...)
	}
	return t.records(e)
}

// Wake implements [node.Core].
func (t *tapped[In, Out]) Wake(now time.Duration) node.Effects[Out] {
	return t.records(t.Core.Wake(now))
}

// Step implements [node.Core].
func (t *tapped[In, Out]) Step(now time.Duration, in In) node.Effects[Out] {
	what := t.points.input(in)
	t.hook("received-" + what)
	t.watch(in)
	e := t.Core.Step(now, in)
	t.hook("applied-" + what)
	return t.records(e)
}

func (t *tapped[In, Out]) records(e node.Effects[Out]) node.Effects[Out] {
	for _, r := range e.Write {
		what := t.points.record(r)
		t.hook("before-" + what)
		t.hook("unsynced-" + what)
		t.log.wrote(r)
	}
	return e
}

// send sends an output, between its points.
func (t *tapped[In, Out]) send(out Out, send func(Out)) {
	rests, is := t.points.output(out)
	if rests != "" {
		t.hook("after-" + rests)
	}
	send(out)
	if is != "" {
		t.hook("sent-" + is)
	}
}

// Flush implements [node.Flusher].
func (t *tapped[In, Out]) Flush(now time.Duration) (e node.Effects[Out]) {
	if f, able := t.Core.(node.Flusher[Out]); able {
		e = f.Flush(now)
	}
	return t.records(e)
}

// Snapshot implements [node.Snapshotter].
func (t *tapped[In, Out]) Snapshot() []byte { return t.Core.(node.Snapshotter).Snapshot() }

// Freeze implements [node.Freezer].
func (t *tapped[In, Out]) Freeze() func(io.Writer) error {
	return node.Freeze(t.Core.(node.Snapshotter))
}

// Restore implements [node.Snapshotter].
func (t *tapped[In, Out]) Restore(records uint64, snapshot []byte) error {
	t.log.restored(int(records))
	return t.Core.(node.Snapshotter).Restore(records, snapshot)
}

// log is all that a journal has held that was not lost, snapshots or not.
type log struct {
	now     func() time.Duration
	records []entry
	replay  int // while a life recovers: so many are confirmed
	wrong   string
}

type entry struct {
	data []byte
	at   time.Duration
}

func (l *log) wrote(record []byte) {
	l.records = append(l.records, entry{record, l.now()})
}

func (l *log) restored(records int) {
	if l.replay = records; records > len(l.records) {
		l.wrong = "a snapshot of more than was written"
	}
}

func (l *log) recovered(record []byte) {
	if l.replay >= len(l.records) || string(l.records[l.replay].data) != string(record) {
		l.wrong = "a record is recovered that was not written, or in another order"
		return
	}
	l.replay++
}

// cut forgets what was lost.
func (l *log) cut() {
	l.records = l.records[:min(l.replay, len(l.records))]
	l.replay = 0
}
