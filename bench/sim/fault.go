package sim

import (
	"slices"
	"time"

	"dyno/bench/fault"
)

// The vocabulary of faults is that of package fault; these are its words that a
// world understands.
type (
	Kind     = fault.Kind
	Links    = fault.Links
	Fault    = fault.Fault
	Schedule = fault.Schedule
)

// What a world can do. [fault.Kind] says what each means, and what it is given.
const (
	Kill      = fault.Kill
	Crash     = fault.Crash
	Stop      = fault.Stop // a [Stopper] is told before it ends
	Restart   = fault.Restart
	Pause     = fault.Pause
	Resume    = fault.Resume
	Cut       = fault.Cut
	Heal      = fault.Heal // all links at once
	Drop      = fault.Drop
	Duplicate = fault.Duplicate
	Delayed   = fault.Delay // each message by a time of its own, so that they overtake each other
	FullDisk  = fault.FullDisk
	SlowDisk  = fault.SlowDisk
	FailSync  = fault.FailSync
)

var offered = []Kind{
	Kill, Crash, Stop, Restart, Pause, Resume, Cut, Heal, Drop, Duplicate, Delayed, FullDisk, SlowDisk, FailSync,
}

// Spread is the fault that adds to each message's delay a share of a time,
// anything from nothing to all of it.
func Spread(most time.Duration, links Links) Fault {
	return Fault{Kind: Delayed, Links: links, Delay: most / 2, Jitter: most / 2}
}

// ParseSchedule reads what [fault.Parse] does, if a world can do it.
func ParseSchedule(text string) (Schedule, error) {
	s, err := fault.Parse(text)
	if err != nil {
		return nil, misused("%v", err)
	}
	for _, f := range s {
		if err := check(f); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// check refuses what makes no sense, and what a world cannot do.
func check(f Fault) error {
	if err := f.Check(); err != nil {
		return misused("%v", err)
	}
	switch {
	case !slices.Contains(offered, f.Kind):
		return misused("fault %q: a simulated world has no %s", f, f.Kind)
	case f.Kind == Heal && !f.Links.All():
		return misused("fault %q: a simulated world heals all links at once", f)
	}
	return nil
}
