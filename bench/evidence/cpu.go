package evidence

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"dyno/internal/record"
)

// Per is how much of a figure one CPU second in the window makes. ok is false
// when the evidence does not say.
type Per func(o *record.Observation, e *record.Evidence) (factor float64, ok bool)

// Cores is CPU seconds per second of the window.
func Cores(_ *record.Observation, e *record.Evidence) (float64, bool) {
	window := float64(e.End-e.Begin) / 1e9
	return 1 / window, window > 0
}

// MicrosPerMeasured is microseconds per measured span of a histogram.
func MicrosPerMeasured(histogram string) Per {
	return func(_ *record.Observation, e *record.Evidence) (float64, bool) {
		n := e.Spans[histogram].Count
		return 1e6 / float64(n), n > 0
	}
}

// MicrosPerAnswered is microseconds per span that ended well in the window.
func MicrosPerAnswered(histogram string) Per {
	return func(_ *record.Observation, e *record.Evidence) (float64, bool) {
		n := e.Spans[histogram].Answered
		return 1e6 / float64(n), n > 0
	}
}

// CPU holds a scalar against the CPU clocks, as the engine read them, of all
// processes of some roles.
func CPU(per Per, roles ...string) record.Road {
	text := "CPU clocks of all processes of the trial, read by the engine"
	if len(roles) > 0 {
		text = "CPU clocks of " + strings.Join(roles, ", ") + ", read by the engine"
	}
	return road(text, func(metric string, o *record.Observation, e *record.Evidence) record.Check {
		all := e.Processes
		if len(roles) > 0 {
			all = named(e, roles)
		}
		factor, ok := per(o, e)
		if !ok {
			return record.Doubt("", 0, "the evidence has no window whose ends are known, or nothing to divide by")
		}
		return within(o.Scalars[metric]/factor, e, all)
	})
}

// CPUEach holds a vector against the CPU clocks of the processes that its
// labels name.
func CPUEach(per Per) record.Road {
	return road("CPU clocks of the processes, read by the engine",
		func(metric string, o *record.Observation, e *record.Evidence) record.Check {
			factor, ok := per(o, e)
			v := o.Vectors[metric]
			if !ok || len(v.Labels) == 0 {
				return record.Doubt("", 0, "the evidence has no window, or the figure no members")
			}
			for i, label := range v.Labels {
				lives := slices.DeleteFunc(slices.Clone(e.Processes), func(p record.ProcessEvidence) bool { return p.Name != label })
				if len(lives) == 0 {
					return record.Doubt("", int64(i), "no process %s was seen", label)
				}
				if c := within(v.Values[i]/factor, e, lives); c.Status != record.Valid {
					c.Detail = label + ": " + c.Detail
					return c
				}
			}
			return record.Pass("", int64(len(v.Labels)))
		})
}

// within holds CPU seconds, of which some may be missing, against the bounds of
// some processes together.
func within(got float64, e *record.Evidence, all []record.ProcessEvidence) record.Check {
	var least, most float64
	for _, p := range all {
		if !p.Covered {
			return record.Doubt("", int64(len(all)), "the CPU clock of %s was not read at both ends of the window", p.Name)
		}
		least, most = least+p.Least, most+p.Most
	}
	if len(all) == 0 {
		return record.Doubt("", 0, "no process of these roles was seen")
	}
	slack := stale(e, len(all))
	if got < least-e.Missed-slack || got > most+slack {
		return record.Fail("", int64(len(all)), "reported %.4g CPU seconds, the CPU clocks of %d processes say %.4g to %.4g", got, len(all),
			least, most)
	}
	return record.Pass("", int64(len(all)))
}

// stale is what two sums of readings of so many processes may differ by, each
// with a tick per running thread at one end: no more run than there are cores
// beside the reader's, nor, here, than two per process.
func stale(e *record.Evidence, processes int) float64 {
	running := min(max(cores(e)-1, 1), 2*processes)
	return 2*e.Tick*float64(running) + rush
}

// cores are those that the processes had.
func cores(e *record.Evidence) int { return cmp.Or(e.Cores, runtime.NumCPU()) }

// rush is for what runs between two readings that should be one, in seconds.
const rush = 0.002

// Names of the checks of the whole trial.
const (
	WholeCPU  = "road-cpu-whole"
	AtExitCPU = "road-cpu-exit"
)

// share is what two counts of the same CPU time may differ by, for rounding.
const share = 0.001

// Processes holds the CPU time of the parts against the whole: what the kernel
// charged each process for at its exit, what its control group counted, and
// what the machine's cores can do in a window.
func Processes(o *record.Observation) []record.Check {
	var out []record.Check
	if c := exits(o.Evidence); c.Examined > 0 {
		out = append(out, c)
	}
	if c := whole(o.Evidence); c.Examined > 0 {
		out = append(out, c)
	}
	return out
}

// exits holds the readings of each process against its charge at its end.
func exits(e *record.Evidence) record.Check {
	var n int64
	for _, p := range e.Processes {
		if p.TotalCPU == 0 {
			continue
		}
		n++
		most := p.TotalCPU*(1+share) + e.Tick + rush
		// Between the last reading and the end it can have used as much as all
		// cores have.
		after := p.LastAge*float64(cores(e)) + stale(e, 1)
		switch {
		case p.LastCPU > most || p.Least > most:
			return record.Fail(AtExitCPU, n, "%s had used %.4g CPU seconds when it ended, but %.4g at the last reading and %.4g in the window",
				p.Name, p.TotalCPU, p.LastCPU, p.Least)
		case p.LastCPU > 0 && p.TotalCPU > p.LastCPU*(1+share)+after:
			return record.Fail(AtExitCPU, n, "%s had used %.4g CPU seconds when it ended, but %.4g only %.3g s before", p.Name, p.TotalCPU,
				p.LastCPU, p.LastAge)
		case p.GroupCPU > most || p.GroupCPU > 0 && p.Least > p.GroupCPU*(1+share)+stale(e, 1):
			return record.Fail(AtExitCPU, n,
				"%s had used %.4g CPU seconds when it ended, %.4g at least in the window; its control group counted %.4g", p.Name, p.TotalCPU,
				p.Least, p.GroupCPU)
		}
	}
	return record.Pass(AtExitCPU, n)
}

// whole holds all processes together against the machine.
func whole(e *record.Evidence) record.Check {
	window := float64(e.End-e.Begin) / 1e9
	var n int64
	var least float64
	for _, p := range e.Processes {
		if p.Covered {
			n, least = n+1, least+p.Least
		}
	}
	cores, slack := float64(cores(e)), stale(e, len(e.Processes))
	switch {
	case window <= 0 || n == 0:
		return record.Check{}
	case least > cores*window+slack:
		return record.Fail(WholeCPU, n, "the processes used %.4g CPU seconds in a window of %.4g s, in which %g cores have %.4g", least, window,
			cores, cores*window)
	}
	c := record.Pass(WholeCPU, n)
	c.Detail = fmt.Sprintf("%.4g CPU seconds of %.4g", least, cores*window)
	if e.Machine > 0 { // told, not held: the kernel samples it by ticks, and misses who sleeps whenever it looks
		c.Detail += fmt.Sprintf("; the machine says that it was busy for %.4g", e.Machine)
	}
	return c
}
