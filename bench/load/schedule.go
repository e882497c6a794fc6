package load

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"strings"
	"time"
)

// Arrivals are the ways in which an open loop's operations may arrive.
var Arrivals = []string{"poisson", "constant"}

// MaxRate is the most that an open loop may offer, in operations per second.
const MaxRate = 1e6

// Schedule says when the operations of an open loop are to start. It is a
// function of its fields alone: the generator follows it, and a check goes
// through it again.
type Schedule struct {
	// "constant": one every 1/Rate; "poisson": gaps drawn from an exponential distribution, as independent callers leave them
	Arrivals string  `json:"arrivals"`
	Rate     float64 `json:"rate_rps"` // operations per second, above 0 and up to MaxRate
	Seed     uint64  `json:"seed"`     // of poisson

	// In place of Rate, one of them at most.
	Profile  Profile `json:"profile,omitempty"`  // the rate over time, since the run began
	Recorded int     `json:"recorded,omitempty"` // how many arrivals a recording has, in place of Arrivals too

	replay Replay        // the recording
	warmup time.Duration // when the window begins, in which it is played
}

// String says it in a few words.
func (s Schedule) String() string {
	switch {
	case s.Recorded > 0:
		return fmt.Sprintf("%d recorded arrivals", s.Recorded)
	case s.Profile != nil:
		return fmt.Sprintf("%v (%s)", s.Profile[1:], s.Arrivals) // without the warm-up
	}
	return fmt.Sprintf("%s req/s (%s)", PerSecond(s.Rate), s.Arrivals)
}

// PerSecond writes a rate, from one a day to a million a second, for a person.
func PerSecond(rate float64) string {
	if rate >= 1000 {
		return fmt.Sprintf("%.0f", rate)
	}
	return fmt.Sprintf("%.4g", rate)
}

// Starts are the intended starts since the beginning of the run, without end:
// constant ones at 0, 1/Rate, 2/Rate …, without drift.
func (s Schedule) Starts() iter.Seq[time.Duration] {
	areas := s.poisson
	if s.Arrivals == "constant" {
		areas = counted
	}
	switch {
	case s.Recorded > 0:
		return s.replay.starts(s.warmup)
	case s.Profile != nil:
		return s.Profile.starts(areas)
	}
	return s.even(areas)
}

// even are those at one rate.
func (s Schedule) even(areas iter.Seq[float64]) iter.Seq[time.Duration] {
	return func(yield func(time.Duration) bool) {
		for area := range areas {
			if !yield(nanoseconds(area * (1e9 / s.Rate))) {
				return
			}
		}
	}
}

// counted are arrivals at rate 1 one after the other.
func counted(yield func(float64) bool) {
	for k := 0; yield(float64(k)); k++ {
	}
}

// poisson are arrivals at rate 1 whose gaps are exponential.
func (s Schedule) poisson(yield func(float64) bool) {
	rng := rand.New(rand.NewPCG(s.Seed, 0x61_72_72_69_76_61_6c)) // a stream of its own, for systems draw from the same seed
	for at := rng.ExpFloat64(); yield(at); at += rng.ExpFloat64() {
	}
}

// Count is how many there are before a time.
func (s Schedule) Count(end time.Duration) (n int64) {
	for start := range s.Starts() {
		if start >= end {
			break
		}
		n++
	}
	return n
}

// nanoseconds rounds, and stops at the longest Duration.
func nanoseconds(ns float64) time.Duration {
	if ns >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(math.Round(ns))
}

func (s Schedule) check() error {
	switch {
	case s.Recorded > 0 && s.Profile != nil:
		return errors.New("load: Replay beside a Profile; give one of them")
	case s.Recorded > 0:
		return nil
	case s.Arrivals != "poisson" && s.Arrivals != "constant":
		return fmt.Errorf("load: Arrivals is %q; it must be one of %s", s.Arrivals, strings.Join(Arrivals, ", "))
	case s.Profile != nil:
		return s.Profile.check()
	}
	if !(s.Rate > 0) || s.Rate > MaxRate {
		return fmt.Errorf("load: Rate is %v; it must be above 0 and at most %g per second", s.Rate, float64(MaxRate))
	}
	return nil
}

// CheckWindow refuses a window of an open loop that is shorter than what lies
// between two operations: none need fall into it, and then nothing is measured.
// rate is in operations per second.
func CheckWindow(rate float64, length time.Duration) error {
	const rounding = 1e-9
	n := rate * length.Seconds()
	if n >= 1-rounding {
		return nil
	}
	return fmt.Errorf("a window of %v at %s req/s has %.2g requests, so that none need fall into it: raise the length to %v at least, or "+
		"the rate to %v req/s",
		length, PerSecond(rate), n, roundUp(1/rate), math.Ceil(1e3/length.Seconds())/1e3)
}

// roundUp is a time in whole milliseconds, at most the longest there is.
func roundUp(seconds float64) time.Duration {
	ms := math.Ceil(seconds*1e3 - 1e-6)
	if ms > math.MaxInt64/1e6 {
		return math.MaxInt64
	}
	return time.Duration(ms) * time.Millisecond
}
