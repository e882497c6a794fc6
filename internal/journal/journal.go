package journal

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

// Journal is a [Log] that goroutines share: what they add while one sync is
// under way becomes durable together, by the next one.
type Journal struct {
	log *Log
	opt Options

	// turn holds one token. Who has it may write to the log; there is no
	// goroutine for that, so that a lone writer pays for no switch to one.
	turn chan struct{}
	// snapshots holds one token, for who makes a snapshot.
	snapshots chan struct{}
	preparing sync.WaitGroup
	failure   chan struct{} // closed when the journal has failed

	mu       sync.Mutex
	pending  *group
	writing  *group        // nil if none
	spare    []byte        // a buffer to use again
	next     uint64        // sequence number of the next record
	failed   error         // of the first write or sync that failed: for good
	closed   bool          // or about to be
	over     error         // why nothing more will become durable
	changed  chan struct{} // closed when there is more to read, or never again will be; nil if nobody asked
	crowd    int           // waited for the last group
	prepared uint64        // segments for which a successor was asked for
	waits    Waits
	begun    time.Time
}

// group is a batch with those who wait for it.
type group struct {
	batch
	eager   bool // to be written even if nobody waits
	waiters int
	oldest  time.Duration // since the journal was opened: when the first of them came
	begins  time.Duration // the sum of when they came
	done    chan struct{}
	err     error // once done is closed
}

// Open opens the journal in the folder dir, or creates an empty one, and
// replays it, as [OpenLog] does.
func Open(dir string, opt Options, replay func(Entry) error) (*Journal, Recovery, error) {
	l, r, err := OpenLog(dir, opt, replay)
	if err != nil {
		return nil, r, err
	}
	j := &Journal{
		log: l, opt: l.opt, next: l.last + 1, begun: time.Now(),
		turn: make(chan struct{}, 1), snapshots: make(chan struct{}, 1), failure: make(chan struct{}),
	}
	j.pending = j.newGroup()
	j.turn <- struct{}{}
	j.snapshots <- struct{}{}
	return j, r, nil
}

// Append adds records and returns once they are durable, with the sequence
// number of the last one. They share one batch: after a crash all of them are
// replayed or none. When it returns an error, they may be there or not after
// the journal is opened again; a context that ends first leaves them on their
// way.
func (j *Journal) Append(ctx context.Context, records ...[]byte) (uint64, error) {
	g, last, err := j.enqueue(ctx, (*Journal).await, records)
	if err != nil {
		return 0, err
	}
	return last, j.wait(ctx, g, last)
}

// Enqueue adds records without waiting: they become durable with the next
// Append, Submit, Sync, Snapshot or Close, never out of order. It is for what
// may be forgotten in a crash, such as the begin of a transaction under
// presumed abort.
func (j *Journal) Enqueue(ctx context.Context, records ...[]byte) (uint64, error) {
	_, last, err := j.enqueue(ctx, nil, records)
	return last, err
}

// Submit adds records without waiting, to become durable as soon as the disk
// can. Who must know when, or whether, calls [Journal.Sync] or watches
// [Journal.Durable] and [Journal.Failed].
func (j *Journal) Submit(ctx context.Context, records ...[]byte) (uint64, error) {
	_, last, err := j.enqueue(ctx, (*Journal).hurry, records)
	return last, err
}

// Sync returns once the record with sequence number seq, and all before it,
// are durable.
func (j *Journal) Sync(ctx context.Context, seq uint64) error {
	j.mu.Lock()
	g := j.pending
	switch {
	case seq <= j.log.Durable():
		g = nil
	case seq >= j.next:
		defer j.mu.Unlock()
		return fmt.Errorf("journal: sync of record %d, of %d", seq, j.next-1)
	case seq < g.first && j.writing == nil: // it was lost
		defer j.mu.Unlock()
		return j.unusable()
	case seq < g.first:
		g = j.writing
	}
	if g == nil {
		j.mu.Unlock()
		return nil
	}
	j.await(g)
	j.mu.Unlock()
	return j.wait(ctx, g, seq)
}

// Durable returns the sequence number of the last durable record, and a
// channel that is closed once there are more, or once the journal has failed
// or was closed.
func (j *Journal) Durable() (uint64, <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	changed := j.changed
	if changed == nil {
		changed = make(chan struct{})
	}
	if j.changed = changed; j.over != nil {
		j.notify()
	}
	return j.log.Durable(), changed
}

// Failed is closed when a write or a sync has failed; [Journal.Err] says why.
func (j *Journal) Failed() <-chan struct{} { return j.failure }

// Err says why nothing can be added any more; nil while it can.
func (j *Journal) Err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.unusable()
}

// Snapshot makes record through durable and then replaces all records up to it
// by what write writes, as [Log.Snapshot] does. Others go on meanwhile.
func (j *Journal) Snapshot(ctx context.Context, through uint64, write func(io.Writer) error) error {
	if err := j.Sync(ctx, through); err != nil {
		return err
	}
	if err := j.acquire(ctx, j.snapshots); err != nil {
		return err
	}
	defer func() { j.snapshots <- struct{}{} }()
	err := j.log.Snapshot(through, write)
	if broken := j.log.broken(); broken != nil {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.fail(broken)
	}
	return err
}

// CutAfter forgets, durably, all records after sequence number seq, as
// [Log.CutAfter] does. Who adds meanwhile waits, and adds behind seq.
func (j *Journal) CutAfter(ctx context.Context, seq uint64) error {
	if err := j.acquire(ctx, j.snapshots); err != nil {
		return err
	}
	defer func() { j.snapshots <- struct{}{} }()
	if err := j.acquire(ctx, j.turn); err != nil {
		return err
	}
	defer j.release()
	j.mu.Lock()
	defer j.mu.Unlock()
	if g := j.take(); g != nil {
		j.finish(g, j.write(g))
	}
	err := j.log.CutAfter(seq)
	if broken := j.log.broken(); broken != nil {
		j.fail(broken)
	} else if err == nil {
		j.next = min(j.next, seq+1)
		j.pending.reset(j.next)
		j.notify()
	}
	return err
}

// acquire takes a token of an open journal.
func (j *Journal) acquire(ctx context.Context, token chan struct{}) error {
	select {
	case <-token:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := j.Err(); err != nil {
		token <- struct{}{}
		return err
	}
	return nil
}

// Close makes everything durable that was added, and closes the journal. Later
// calls of any method return [ErrClosed]. It waits for a snapshot that is
// being made.
func (j *Journal) Close() error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return ErrClosed
	}
	j.closed = true
	j.mu.Unlock()
	<-j.snapshots
	<-j.turn
	j.commit()
	j.preparing.Wait()
	err := j.log.Close()
	j.mu.Lock()
	j.over = cmp.Or(j.over, ErrClosed)
	j.notify()
	j.mu.Unlock()
	j.turn <- struct{}{}
	j.snapshots <- struct{}{}
	return err
}

// unusable says why nothing can be added any more; mu is held.
func (j *Journal) unusable() error {
	if j.closed {
		return ErrClosed
	}
	return j.failed
}

// notify wakes who waits for changes; mu is held.
func (j *Journal) notify() {
	if j.changed != nil {
		close(j.changed)
		j.changed = nil
	}
}

// fail stops the journal for good; mu is held.
func (j *Journal) fail(err error) {
	if j.failed == nil {
		j.failed, j.over = err, err
		close(j.failure)
		j.notify()
	}
}
