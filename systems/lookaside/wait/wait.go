// Package wait is how the parts of the look-aside system wait for each other:
// [Latest] is a value that may change, [Backoff] the time between attempts.
package wait

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// The bounds of a wait, before jitter.
const (
	First = 20 * time.Millisecond
	Most  = time.Second
)

// Backoff spaces the attempts to reach something that is away: the wait
// doubles from First to Most, and each is shortened by up to
// half at random, so that those who lost the same peer do not return in step.
// The zero value is ready.
type Backoff struct {
	// Rand is where the jitter comes from; nil: not from any seed, since
	// processes with the same seed must differ in it.
	Rand *rand.Rand

	attempts int
}

// Reset makes the next wait a short one.
func (b *Backoff) Reset() { b.attempts = 0 }

// Next returns how long to wait now.
func (b *Backoff) Next() time.Duration {
	random := rand.Int64N
	if b.Rand != nil {
		random = b.Rand.Int64N
	}
	d := min(First<<min(b.attempts, 10), Most)
	b.attempts++
	return d - time.Duration(random(int64(d/2)+1))
}

// Wait waits for the next attempt, for a closed wake, or for the context's
// end, whichever comes first.
func (b *Backoff) Wait(ctx context.Context, wake <-chan struct{}) {
	timer := time.NewTimer(b.Next())
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wake:
	case <-ctx.Done():
	}
}

// Latest holds a value that some goroutines set and others wait for. The zero
// value holds the zero T. It is safe for concurrent use.
type Latest[T comparable] struct {
	mu      sync.Mutex
	value   T
	changed chan struct{}
}

// Set replaces the value and wakes those who wait for another one.
func (l *Latest[T]) Set(v T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if v == l.value {
		return
	}
	l.value = v
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

// Get returns the value and a channel that is closed once it is another one.
func (l *Latest[T]) Get() (T, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	return l.value, l.changed
}
