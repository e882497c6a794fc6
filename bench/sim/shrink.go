package sim

import (
	"math"
	"slices"
	"time"

	"dyno/internal/shrink"
)

// Shrunk is what is left of a failing schedule.
type Shrunk struct {
	Faults  Schedule
	Err     error // of the run with Faults; nil if the schedule that came did not fail
	Runs    int
	Minimal bool // no single fault can be left out; false if the runs did not suffice
}

// Shrink looks for a smaller schedule that still fails: it leaves out faults,
// halves of them first (delta debugging, Zeller and Hildebrandt 2002), and
// makes the rest simpler: shorter, at rounder times, on fewer nodes. fails runs
// a schedule and returns its error; it is called at most runs times.
func Shrink(s Schedule, fails func(Schedule) error, runs int) Shrunk {
	sh := &shrinker{run: fails, left: runs}
	sh.best = s.Sorted()
	if !sh.fails(sh.best) {
		return Shrunk{Faults: s, Runs: runs - sh.left}
	}
	for {
		shrink.List(sh.best, sh.fails) // which keeps the best itself
		if !sh.simplify() {
			break
		}
	}
	return Shrunk{Faults: sh.best, Err: sh.err, Runs: runs - sh.left, Minimal: !sh.starved}
}

type shrinker struct {
	run     func(Schedule) error
	left    int
	starved bool // a candidate could not be tried
	best    Schedule
	err     error // of best
}

// fails tries a candidate and keeps it if it fails.
func (s *shrinker) fails(candidate Schedule) bool {
	if s.left == 0 {
		s.starved = true
		return false
	}
	s.left--
	err := s.run(candidate)
	if err != nil {
		s.best, s.err = candidate, err
	}
	return err != nil
}

// simplify tries simpler forms of each fault and reports whether one held.
func (s *shrinker) simplify() bool {
	any := false
	for i := 0; i < len(s.best) && !s.starved; {
		held := false
		for _, f := range simpler(s.best[i]) {
			candidate := slices.Clone(s.best)
			candidate[i] = f
			if held = s.fails(candidate.Sorted()); held {
				any = true
				break
			}
		}
		if !held {
			i++
		}
	}
	return any
}

// simpler lists forms of a fault, the simplest first. Each is smaller by a
// measure that cannot fall for ever: fewer names, fewer digits, a shorter time.
func simpler(f Fault) []Fault {
	var out []Fault
	try := func(change func(*Fault)) {
		g := f
		change(&g)
		out = append(out, g)
	}
	if f.Kind == Crash && f.P > 0 {
		try(func(g *Fault) { g.P = 0 })
	}
	for i := range f.Links.A {
		if len(f.Links.A) > 1 {
			try(func(g *Fault) { g.Links.A = except(f.Links.A, i) })
		}
	}
	for i := range f.Links.B {
		if len(f.Links.B) > 1 {
			try(func(g *Fault) { g.Links.B = except(f.Links.B, i) })
		}
	}
	for _, d := range rounder(f.At) {
		try(func(g *Fault) { g.At = d })
	}
	for _, d := range shorter(f.For) {
		try(func(g *Fault) { g.For = d })
	}
	for _, d := range shorter(f.Delay) {
		try(func(g *Fault) { g.Delay, g.Jitter = d, min(g.Jitter, d) })
	}
	if p := math.Round(f.P*10) / 10; p > 0 && p != f.P {
		try(func(g *Fault) { g.P = p })
	}
	return out
}

func except(names []string, i int) []string {
	return append(names[:i:i], names[i+1:]...)
}

// shorter lists durations less than d: rounder ones, and half of it unless that
// is below a millisecond, where it would no longer help a reader.
func shorter(d time.Duration) []time.Duration {
	out := rounder(d)
	if d > time.Millisecond {
		out = append(out, max(time.Millisecond, (d/2).Truncate(time.Microsecond)))
	}
	return out
}

// rounder lists d with fewer digits, always less than d.
func rounder(d time.Duration) []time.Duration {
	var out []time.Duration
	for unit := 100 * time.Second; unit >= time.Microsecond; unit /= 10 {
		if r := d.Truncate(unit); r < d && r > 0 {
			out = append(out, r)
		}
	}
	return out
}
