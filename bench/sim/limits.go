package sim

import (
	"cmp"
	"fmt"
	"time"
)

// Limits bound a run. A zero field means its default; going over one ends the
// run with a [LimitError].
type Limits struct {
	Events  int           // handled events; default 10 million
	Time    time.Duration // virtual; default 1 h, at most 10,000 h
	Pending int           // scheduled events and those waiting for a paused node; default and at most 2^20, 2^30
	Disk    int           // bytes on one node's disk, and as many buffered; default 64 MiB
	Trace   int           // bytes of trace; default 16 MiB
	Faults  int           // faults that a world is given, exits of nodes included; default 10,000
}

const (
	maxTime    = 10_000 * time.Hour
	maxPending = 1 << 30
)

func (l Limits) withDefaults() (Limits, error) {
	l.Events = cmp.Or(l.Events, 10_000_000)
	l.Time = cmp.Or(l.Time, time.Hour)
	l.Pending = cmp.Or(l.Pending, 1<<20)
	l.Disk = cmp.Or(l.Disk, 64<<20)
	l.Trace = cmp.Or(l.Trace, 16<<20)
	l.Faults = cmp.Or(l.Faults, 10_000)
	switch {
	case min(l.Events, l.Pending, l.Disk, l.Trace, l.Faults) < 0 || l.Time < 0:
		return l, misused("a negative limit in %+v", l)
	case l.Time > maxTime:
		return l, misused("Limits.Time is %v, want at most %v", l.Time, maxTime)
	case l.Pending > maxPending:
		return l, misused("Limits.Pending is %d, want at most %d", l.Pending, maxPending)
	}
	return l, nil
}

// LimitError says that a run went over one of its [Limits].
type LimitError struct {
	Limit string        // the field of Limits
	Max   string        // its value
	Now   time.Duration // virtual time
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("sim: over Limits.%s = %s at virtual time %v: raise the limit, shorten the run, or look for a loop", e.Limit, e.Max,
		e.Now)
}

func (w *World) over(limit string, bound any) {
	w.stop(&LimitError{Limit: limit, Max: fmt.Sprint(bound), Now: w.Now()})
}

// misuseError is a mistake of whoever wrote the scenario, its configuration
// or a schedule. A hunt reports it instead of shrinking it.
type misuseError struct{ text string }

func (e *misuseError) Error() string { return "sim: " + e.text }

func misused(format string, args ...any) error {
	return &misuseError{fmt.Sprintf(format, args...)}
}
