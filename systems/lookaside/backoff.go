package lookaside

import (
	"context"
	"math/rand/v2"
	"os"
	"time"
)

const (
	backoffFirst = 20 * time.Millisecond
	backoffMost  = time.Second
)

// backoff spaces the attempts to reach something that is away: the wait
// doubles from backoffFirst to backoffMost, and each is shortened by up to
// half at random, so that those who lost the same peer do not return in step.
// The jitter is the one random choice that does not come from a trial's seed:
// processes with the same seed must differ in it. The zero value is ready.
type backoff struct {
	attempts int
	rng      *rand.Rand
}

// reset makes the next wait a short one.
func (b *backoff) reset() { b.attempts = 0 }

// next returns how long to wait now.
func (b *backoff) next() time.Duration {
	if b.rng == nil {
		b.rng = rand.New(rand.NewPCG(uint64(os.Getpid()), uint64(time.Now().UnixNano())))
	}
	d := min(backoffFirst<<min(b.attempts, 10), backoffMost)
	b.attempts++
	return d - time.Duration(b.rng.Int64N(int64(d/2)+1))
}

// wait waits for the next attempt, for a closed wake, or for the context's
// end, whichever comes first.
func (b *backoff) wait(ctx context.Context, wake <-chan struct{}) {
	timer := time.NewTimer(b.next())
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wake:
	case <-ctx.Done():
	}
}
