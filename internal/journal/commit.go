package journal

import (
	"context"
	"fmt"
	"runtime"
	"time"
)

func (j *Journal) newGroup() *group {
	g := &group{batch: batch{body: j.spare}, done: make(chan struct{})}
	j.spare = nil
	g.reset(j.next)
	return g
}

// enqueue adds records to the pending group and calls then under the lock.
func (j *Journal) enqueue(ctx context.Context, then func(*Journal, *group), records [][]byte) (*group, uint64, error) {
	size, err := j.opt.checkRecords(records)
	if err != nil {
		return nil, 0, err
	}
	for {
		g, last, full, err := j.add(then, size, records)
		if full == nil {
			return g, last, err
		}
		if err := j.wait(ctx, full, last); err != nil {
			return nil, 0, fmt.Errorf("journal: the disk is behind: %w", err)
		}
	}
}

// add puts records into the pending group; if that is full, it returns it and
// does nothing.
func (j *Journal) add(then func(*Journal, *group), size int, records [][]byte) (g *group, last uint64, full *group, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.unusable(); err != nil {
		return nil, 0, nil, err
	}
	g = j.pending
	if g.count > 0 && len(g.body)+size > j.opt.MaxPending {
		j.await(g)
		return nil, j.next - 1, g, nil
	}
	g.add(records)
	j.next += uint64(len(records))
	if then != nil {
		then(j, g)
	}
	return g, j.next - 1, nil, nil
}

// await is for who will wait; mu is held.
func (j *Journal) await(g *group) {
	now := time.Since(j.begun)
	if g.waiters == 0 {
		g.oldest = now
	}
	g.waiters++
	g.begins += now
}

// hurry has the group written soon by somebody; mu is held.
func (j *Journal) hurry(g *group) {
	g.eager = true
	select {
	case <-j.turn:
		go j.lead()
	default: // who has the turn will see to it
	}
}

// wait returns when the group is durable. Whoever of those who wait gets the
// turn writes for all.
func (j *Journal) wait(ctx context.Context, g *group, seq uint64) error {
	select {
	case <-g.done:
		return g.err
	case <-j.turn:
	case <-ctx.Done():
		return fmt.Errorf("journal: record %d is on its way, not known to be durable: %w", seq, ctx.Err())
	}
	select {
	case <-g.done:
		j.release()
	default:
		j.lead()
	}
	return g.err
}

// lead writes what is pending, and passes the turn on.
func (j *Journal) lead() {
	j.gather()
	j.commit()
	j.release()
}

// gather lets those run who were woken by the last sync, if they were many and
// few of them are back: most will have something to add, and a sync takes long
// compared to that.
func (j *Journal) gather() {
	const rounds = 4
	before := 0
	for range rounds {
		j.mu.Lock()
		n, crowd := j.pending.waiters, j.crowd
		j.mu.Unlock()
		if crowd < 2 || n >= crowd || n == before {
			return
		}
		before = n
		runtime.Gosched()
	}
}

// release passes the turn on: to anyone who waits, or to nobody.
func (j *Journal) release() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.pending.eager {
		go j.lead()
		return
	}
	j.turn <- struct{}{}
}

// commit makes the pending group durable, and tells those who wait. Its caller
// has the turn.
func (j *Journal) commit() {
	j.mu.Lock()
	g := j.take()
	j.mu.Unlock()
	if g == nil {
		return
	}
	err := j.write(g)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.finish(g, err)
}

// take takes the pending group, or nil if it is empty; mu is held.
func (j *Journal) take() *group {
	g := j.pending
	if g.count == 0 {
		return nil
	}
	j.writing = g
	j.pending = j.newGroup()
	return g
}

// write makes a group durable. Its caller has the turn.
func (j *Journal) write(g *group) error {
	l := j.log
	l.last = g.first + uint64(g.count) - 1
	if err := l.put(&g.batch); err != nil {
		return err
	}
	j.prepare()
	return l.Sync()
}

// prepare has the next segment made once half of this one is full.
func (j *Journal) prepare() {
	l := j.log
	if l.offset < l.size/2 || j.prepared == l.stats.Segments {
		return
	}
	j.prepared = l.stats.Segments
	j.preparing.Go(func() { _ = l.Prepare() }) // if it fails, who needs the segment tries again, and tells
}

// finish tells those who wait for a group; mu is held.
func (j *Journal) finish(g *group, err error) {
	if g.err = err; err != nil {
		j.fail(err)
	}
	j.writing, j.crowd = nil, g.waiters
	j.waits.add(g, time.Since(j.begun))
	if cap(g.body) <= 2*j.opt.MaxPending {
		j.spare = g.body
	}
	j.notify()
	close(g.done)
}
