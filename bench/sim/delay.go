package sim

import (
	"math/rand/v2"
	"time"
)

// Delay is a distribution of durations: Base, plus a uniform share of Spread,
// plus an exponential of mean Tail. Base alone is constant, Base and Spread
// are uniform between Base and Base+Spread, Tail alone is exponential. The
// zero Delay takes no time.
type Delay struct{ Base, Spread, Tail time.Duration }

// Mean returns the distribution's mean.
func (d Delay) Mean() time.Duration { return d.Base + d.Spread/2 + d.Tail }

// Sample draws one duration.
func (d Delay) Sample(rng *rand.Rand) time.Duration {
	out := d.Base
	if d.Spread > 0 {
		out += time.Duration(rng.Int64N(int64(d.Spread) + 1))
	}
	if d.Tail > 0 {
		out += time.Duration(rng.ExpFloat64() * float64(d.Tail))
	}
	return out
}

// check refuses what is negative or so long that sums of it could overflow.
func (d Delay) check(name string) error {
	if min(d.Base, d.Spread, d.Tail) < 0 || max(d.Base, d.Spread, d.Tail) > maxTime {
		return misused("%s is %+v, want each part between 0 and %v", name, d, maxTime)
	}
	return nil
}

// later adds a wait to a moment, both in ns, without overflow.
func later(now int64, wait time.Duration) int64 {
	if at := now + int64(max(wait, 0)); at >= now {
		return at
	}
	return int64(never)
}

const never = time.Duration(1<<63 - 1)
