// Package backoff spaces the attempts to reach something that is away, and other
// looks at what is not so yet.
package backoff

import (
	"cmp"
	"context"
	"math/rand/v2"
	"time"
)

// The bounds of a wait, before jitter.
const (
	First = 20 * time.Millisecond
	Most  = time.Second
)

// Backoff says how long to wait between attempts: the wait
// doubles from First to Most, and each is shortened by up to
// half at random, so that those who lost the same peer do not return in step.
// The zero value is ready.
type Backoff struct {
	// Most bounds a wait; 0: [Most].
	Most time.Duration

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
	d := min(First<<min(b.attempts, 10), cmp.Or(b.Most, Most))
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

// Sleep waits for a time, or returns why the context ended before.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return context.Cause(ctx)
}
