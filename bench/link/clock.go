package link

import (
	"container/heap"
	"context"
	"errors"
	"sync"
	"time"
)

// clock tells the time since it was made and wakes who waits for a point in
// it. Any number of waits share one alarm and one goroutine.
type clock struct {
	start time.Time
	alarm alarm
	done  chan struct{} // closed when the goroutine has ended

	mu     sync.Mutex
	waits  waitHeap
	closed bool
}

// wait is something to be woken, once for each call of wakeAt. The clock calls
// wake from its own goroutine, so it must not block for long.
type wait struct {
	wake   func()
	at     time.Duration
	index  int // in the heap
	queued bool
}

func newClock(a alarm) *clock {
	c := &clock{start: time.Now(), alarm: a, done: make(chan struct{})}
	go c.run()
	return c
}

func (c *clock) now() time.Duration { return time.Since(c.start) }

func (c *clock) run() {
	defer close(c.done)
	var due []*wait
	for c.alarm.wait() == nil {
		due = c.due(due[:0])
		for _, w := range due {
			w.wake()
		}
	}
}

// due takes out the waits whose time has come and sets the alarm to the next.
func (c *clock) due(due []*wait) []*wait {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.waits) > 0 && c.waits[0].at <= c.now() {
		due = append(due, heap.Pop(&c.waits).(*wait))
	}
	c.setAlarm()
	return due
}

// setAlarm sets the alarm to the first wait. The caller holds c.mu.
func (c *clock) setAlarm() {
	if len(c.waits) > 0 && !c.closed {
		c.alarm.set(c.waits[0].at - c.now())
	}
}

// wakeAt arranges for w to be woken once at the given time, or at once if it
// is past, in place of what was arranged for it before.
func (c *clock) wakeAt(w *wait, at time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if w.queued && w.at == at {
		return
	}
	c.remove(w)
	w.at = at
	heap.Push(&c.waits, w)
	if w.index == 0 {
		c.setAlarm()
	}
}

// cancel takes w out. It may be woken once more if its time has just come.
func (c *clock) cancel(w *wait) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(w)
}

func (c *clock) remove(w *wait) {
	if w.queued {
		heap.Remove(&c.waits, w.index)
	}
}

// sleep returns at the given time, or with an error when the context or the
// clock ends before.
func (c *clock) sleep(ctx context.Context, until time.Duration) error {
	woken := make(chan struct{}, 1)
	w := &wait{wake: func() { woken <- struct{}{} }}
	c.wakeAt(w, until)
	defer c.cancel(w)
	select {
	case <-woken:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-c.done:
		return errClosed
	}
}

var errClosed = errors.New("the network is closed")

// close ends the clock; later waits are never woken.
func (c *clock) close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.alarm.close()
	<-c.done
}

// waitHeap orders waits by time.
type waitHeap []*wait

func (h waitHeap) Len() int           { return len(h) }
func (h waitHeap) Less(i, j int) bool { return h[i].at < h[j].at }

func (h waitHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push implements heap.Interface.
func (h *waitHeap) Push(x any) {
	w := x.(*wait)
	w.index, w.queued = len(*h), true
	*h = append(*h, w)
}

// Pop implements heap.Interface.
func (h *waitHeap) Pop() any {
	last := len(*h) - 1
	w := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	w.queued = false
	return w
}
