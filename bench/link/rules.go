package link

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
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

// offered are the faults that links can have.
var offered = []fault.Kind{fault.Cut, fault.Heal, fault.Delay, fault.Rate, fault.Drop, fault.Refuse, fault.Reset}

// Offers says whether a fault of this kind can strike a link. Messages are not
// doubled: TCP would hide it.
func Offers(k fault.Kind) bool { return slices.Contains(offered, k) }

// struck are the faults in force on a link, in the order in which they came.
// Those of new connections are among the forward ones.
type struck struct{ forward, back []fault.Fault }

func (l *Link) concerns(f fault.Fault) (forward, back bool) { return Concerns(f, l.From(), l.To()) }

// Concerns says which ways of a link a fault is about. Connections are opened
// forward only.
func Concerns(f fault.Fault, from, to string) (forward, back bool) {
	forward, back = f.Links.Cover(from, to), f.Links.Cover(to, from)
	switch f.Kind {
	case fault.Drop, fault.Refuse, fault.Reset:
		return forward, false
	}
	return forward, back
}

// strike has a fault begin on the ways that it concerns.
func (l *Link) strike(f fault.Fault) error {
	if l.far != nil {
		return l.far.Strike(f, false)
	}
	forward, back := l.concerns(f)
	if f.Kind == fault.Reset {
		l.Reset()
		return nil
	}
	return l.change(func(_ *Rules, s *struck) {
		if forward {
			s.forward = withFault(s.forward, f)
		}
		if back {
			s.back = withFault(s.back, f)
		}
	})
}

// lift ends one fault, unless it has been healed.
func (l *Link) lift(f fault.Fault) error {
	if l.far != nil {
		return l.far.Strike(f, true)
	}
	return l.change(func(_ *Rules, s *struck) { s.forward, s.back = withoutFault(s.forward, f), withoutFault(s.back, f) })
}

func withFault(faults []fault.Fault, f fault.Fault) []fault.Fault {
	if f.Kind == fault.Heal {
		return nil
	}
	return append(slices.Clip(faults), f)
}

func withoutFault(faults []fault.Fault, f fault.Fault) []fault.Fault {
	i := slices.IndexFunc(faults, func(g fault.Fault) bool { return g.String() == f.String() })
	if i < 0 {
		return faults
	}
	return slices.Concat(faults[:i], faults[i+1:])
}

// under adds to a link's own rules what the faults in force do. Delays add up;
// of several jitters the latest holds, and of several rates the lowest.
func (r Rules) under(s struck) Rules {
	for _, f := range s.forward {
		r.Forward = r.Forward.under(f)
		switch f.Kind {
		case fault.Refuse:
			r.Refuse = true
		case fault.Drop:
			r.Drop = 1 - (1-r.Drop)*(1-f.P)
		}
	}
	for _, f := range s.back {
		r.Back = r.Back.under(f)
	}
	return r
}

func (p Path) under(f fault.Fault) Path {
	switch {
	case f.Kind == fault.Cut:
		p.Cut = true
	case f.Kind == fault.Rate && (p.Rate == 0 || f.Rate < p.Rate):
		p.Rate = f.Rate
	case f.Kind == fault.Delay && f.Tail:
		p.Delay, p.Jitter = p.Delay+f.Delay, Jitter{Size: f.Jitter, Exponential: true}
	case f.Kind == fault.Delay:
		p.Delay += f.Delay - f.Jitter
		if f.Jitter > 0 {
			p.Jitter = Jitter{Size: 2 * f.Jitter}
		}
	}
	return p
}

// check refuses a fault that links cannot have.
func check(f fault.Fault) error {
	if err := f.Check(); err != nil {
		return err
	}
	if !Offers(f.Kind) {
		return fmt.Errorf("fault %q: links know %v, not %s", f, offered, f.Kind)
	}
	return nil
}
