package link

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"dyno/bench/fault"
)

// Limits of [Rules].
const (
	// MaxDelay bounds the delay and, separately, the jitter of a path.
	MaxDelay = time.Minute
	// MinRate is the lowest limit of a path's rate, in bytes per second.
	MinRate = fault.MinRate
)

// Rules say what a link does to its connections. The zero value passes
// everything on at once.
type Rules struct {
	Forward Path // bytes from the side that dials to the target
	Back    Path // bytes from the target to the side that dials

	// Drop is the probability, 0 to 1, that a new connection is reset as soon
	// as it is accepted. The n-th connection of a link meets the same fate
	// in every run with the same seed.
	Drop float64

	// Refuse makes new connections fail; established ones are left alone.
	Refuse bool
}

// Path is what happens to the bytes that flow one way. A change applies to
// the bytes that arrive after it, except Cut and Rate, which apply at once.
type Path struct {
	Delay  time.Duration // constant part; 0 to MaxDelay
	Jitter Jitter        // random part, added to Delay
	Rate   int64         // bytes per second, at least MinRate; 0: no limit
	Cut    bool          // nothing is delivered
}

// Jitter is a random delay of every chunk of bytes (what one read returned).
// Chunks do not overtake each other: one that drew a short delay waits for
// those before it.
type Jitter struct {
	// Size is the upper end of a uniform distribution that starts at 0, or the
	// mean of an exponential one; 0 to MaxDelay.
	Size time.Duration
	// Exponential selects the distribution. It is cut off at 16 means.
	Exponential bool
}

const exponentialTail = 16 // means; one draw in 9 million would be longer

// draw returns the next delay. It takes nothing from the generator when there
// is no jitter.
func (j Jitter) draw(rng *rand.Rand) time.Duration {
	switch {
	case j.Size == 0:
		return 0
	case j.Exponential:
		return time.Duration(min(rng.ExpFloat64(), exponentialTail) * float64(j.Size))
	default:
		return time.Duration(rng.Int64N(int64(j.Size)))
	}
}

func (r Rules) check() error {
	if err := r.Forward.check(); err != nil {
		return fmt.Errorf("forward: %w", err)
	}
	if err := r.Back.check(); err != nil {
		return fmt.Errorf("back: %w", err)
	}
	return checkDrop(r.Drop)
}

func (p Path) check() error {
	if err := checkDelay("delay", p.Delay); err != nil {
		return err
	}
	if err := checkDelay("jitter", p.Jitter.Size); err != nil {
		return err
	}
	return checkRate(p.Rate)
}

func checkDelay(what string, d time.Duration) error {
	if d < 0 || d > MaxDelay {
		return fmt.Errorf("%s %v is not between 0 and %v", what, d, MaxDelay)
	}
	return nil
}

func checkRate(rate int64) error {
	if rate != 0 && rate < MinRate {
		return fmt.Errorf("rate %d is below %d bytes per second; 0 means no limit", rate, MinRate)
	}
	return nil
}

func checkDrop(p float64) error {
	if math.IsNaN(p) || p < 0 || p > 1 {
		return fmt.Errorf("drop %v is not a probability between 0 and 1", p)
	}
	return nil
}
