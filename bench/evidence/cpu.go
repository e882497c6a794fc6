package evidence

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"

	"dyno/internal/record"
)

// tick is how stale the kernel's count of a running thread's CPU time may be:
// it is brought up to date at the timer interrupt, at 100 Hz or more.
const tick = 0.010

// Per is how much of a figure one CPU second in the window makes. ok is false
// when the evidence does not say.
type Per func(o *record.Observation, e *record.Evidence) (factor float64, ok bool)

// Cores is CPU seconds per second of the window.
func Cores(_ *record.Observation, e *record.Evidence) (float64, bool) {
	window := float64(e.End-e.Begin) / 1e9
	return 1 / window, window > 0
}

// Seconds is CPU seconds as they are.
func Seconds(*record.Observation, *record.Evidence) (float64, bool) { return 1, true }

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
		var all []record.ProcessEvidence
		for _, p := range e.Processes {
			if len(roles) == 0 || slices.Contains(roles, p.Role) {
				all = append(all, p)
			}
		}
		factor, ok := per(o, e)
		if !ok {
			return record.Doubt("", 0, "the evidence has no window, or nothing to divide by")
		}
		return within(o.Scalars[metric]/factor, all)
	})
}

// CPUEach holds a vector against the CPU clocks of the processes that its
// labels name.
func CPUEach(per Per) record.Road {
	return road("CPU clocks of the processes, read by the engine", func(metric string, o *record.Observation, e *record.Evidence) record.Check {
		factor, ok := per(o, e)
		v := o.Vectors[metric]
		if !ok || len(v.Labels) == 0 {
			return record.Doubt("", 0, "the evidence has no window, or the figure no members")
		}
		for i, label := range v.Labels {
			at := slices.IndexFunc(e.Processes, func(p record.ProcessEvidence) bool { return p.Name == label })
			if at < 0 {
				return record.Doubt("", int64(i), "no process %s was seen", label)
			}
			if c := within(v.Values[i]/factor, e.Processes[at:at+1]); c.Status != record.Valid {
				c.Detail = label + ": " + c.Detail
				return c
			}
		}
		return record.Pass("", int64(len(v.Labels)))
	})
}

// within holds CPU seconds against the bounds of some processes together.
func within(got float64, all []record.ProcessEvidence) record.Check {
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
	slack := stale(len(all))
	if got < least-slack || got > most+slack {
		return record.Fail("", int64(len(all)), "reported %.4g CPU seconds, the CPU clocks of %d processes say %.4g to %.4g", got, len(all), least, most)
	}
	return record.Pass("", int64(len(all)))
}

// stale is what two sums of readings may differ by, each with a threads' worth
// of ticks at both ends: no more threads run at once than there are cores, nor,
// here, than two per process.
func stale(processes int) float64 {
	return 2 * tick * math.Min(float64(runtime.NumCPU()), 2*float64(processes))
}

// Names of the checks of the whole trial.
const (
	WholeCPU  = "road-cpu-whole"
	AtExitCPU = "road-cpu-exit"
)

// atExit is the share by which a process's last CPU reading may exceed what it
// had used when it ended, for rounding.
const atExit = 0.001

// Processes holds the CPU time of the parts against the whole: what the kernel
// charged each process for at its exit, what the machine's cores can do in a
// window, and what the machine was busy with.
func Processes(o *record.Observation) []record.Check {
	e := o.Evidence
	var window, least float64
	var n, ended int64
	window = float64(e.End-e.Begin) / 1e9
	exit := record.Check{Name: AtExitCPU, Status: record.Valid}
	for _, p := range e.Processes {
		if p.LastCPU > 0 || p.WindowCPU > 0 {
			n++
		}
		least += p.Least
		if p.TotalCPU == 0 {
			continue
		}
		ended++
		if p.LastCPU > p.TotalCPU*(1+atExit)+tick || p.WindowCPU > p.TotalCPU*(1+atExit)+tick {
			exit = record.Fail(AtExitCPU, ended, "%s had used %.4g CPU seconds when it ended, but %.4g at the last reading and %.4g in the window", p.Name, p.TotalCPU, p.LastCPU, p.WindowCPU)
			break
		}
	}
	var out []record.Check
	if ended > 0 {
		exit.Examined = max(exit.Examined, ended)
		out = append(out, exit)
	}
	if window <= 0 || n == 0 {
		return out
	}
	whole := record.Pass(WholeCPU, n)
	cores := float64(runtime.NumCPU())
	switch most := cores*window + stale(len(e.Processes)); {
	case least > most:
		whole = record.Fail(WholeCPU, n, "the processes used %.4g CPU seconds in a window of %.4g s, in which %g cores have %.4g", least, window, cores, most)
	case e.Machine > 0 && least > e.Machine+stale(len(e.Processes)):
		whole = record.Fail(WholeCPU, n, "the processes used %.4g CPU seconds in the window, the whole machine was busy for %.4g", least, e.Machine)
	default:
		whole.Detail = fmt.Sprintf("%.4g CPU seconds of %.4g", least, cores*window)
	}
	return append(out, whole)
}
