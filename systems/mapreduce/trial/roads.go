package trial

import (
	"math"
	"slices"
	"strings"

	"dyno/bench/evidence"
	"dyno/internal/record"
	"dyno/systems/mapreduce/worker"
)

// observed reads figures and facts; what is missing is NaN, and so is what is
// computed from it.
type observed struct{ *record.Observation }

func (o observed) figure(name string) float64 {
	if v, ok := o.Scalars[name]; ok {
		return v
	}
	return math.NaN()
}

func (o observed) fact(name string) float64 {
	if v, ok := o.Evidence.Facts[name]; ok {
		return v
	}
	return math.NaN()
}

// again recomputes a figure from others and from facts.
func again(what string, f func(o observed) float64) record.Road {
	return evidence.Derived(what, func(o *record.Observation) (float64, bool) {
		v := f(observed{o})
		return v, !math.IsNaN(v)
	})
}

// within holds a figure between two bounds.
func within(what string, room evidence.Room, f func(o observed) (least, most float64)) record.Road {
	return through(what, room, func(_ observed, figure float64) float64 { return figure }, f)
}

// through holds what can be computed from a figure between two bounds.
func through(what string, room evidence.Room, of func(o observed, figure float64) float64,
	f func(o observed) (least, most float64),
) record.Road {
	return evidence.Law(what, func(metric string, o *record.Observation, _ *record.Evidence) record.Check {
		got := of(observed{o}, o.Scalars[metric])
		low, high := f(observed{o})
		if math.IsNaN(low) || math.IsNaN(high) || math.IsNaN(got) {
			return record.Doubt("", 0, "%s: it is missing", what)
		}
		return room.Between(got, low, high)
	})
}

// bounds are the two facts of a name.
func bounds(name string) func(observed) (float64, float64) {
	return func(o observed) (float64, float64) { return o.fact(name + least), o.fact(name + most) }
}

// aQuarter of a time left out must show, and half as much added. Of two phases
// that make up a time, one of which is short, a blink need not.
var (
	aQuarter = evidence.Room{Less: 0.25, More: 0.5}
	aPhase   = evidence.Room{Less: 0.25, Abs: 0.05}
	anything = evidence.Room{}
)

func timeRoad() record.Road {
	return within("from a worker's hello until the output was there and its news had come, by their clocks", aQuarter, bounds(factTime))
}

// phaseRoad is that of one of two phases whose sum is held for itself.
func phaseRoad(name, other string) record.Road {
	const text = "the workers' clocks at the end of the map tasks"
	return evidence.All(
		evidence.Law(text, func(metric string, o *record.Observation, e *record.Evidence) record.Check {
			room := aPhase
			if again, ok := e.Facts[factAgain]; !ok {
				return record.Doubt("", 0, "it is not known whether map tasks were done again (fact %s)", factAgain)
			} else if again > 0 { // nobody but the master knows when the last was over
				room = anything
			}
			return within(text, room, bounds(name)).Hold(metric, o)
		}),
		again("time_s less "+other, func(o observed) float64 { return o.figure("time_s") - o.figure(other) }),
	)
}

func wallRoad() record.Road {
	return within("clocks outside of it and within", aQuarter, func(o observed) (float64, float64) {
		const clocks = 0.001 // one of them may be set meanwhile
		return o.fact(factProcessS) - clocks, o.fact(factWholeS) + clocks
	})
}

// idle bounds the share of time without a task: the ledgers say for how long
// there was one.
func idle(o observed, prefix string, time float64) (float64, float64) {
	all := time * o.fact(prefix+factWorkers)
	return 1 - o.fact(prefix+factBusy+most)/all, 1 - o.fact(prefix+factBusy+least)/all
}

func idleRoad() record.Road {
	return within("time_s and the workers' own times of tasks", anything, func(o observed) (float64, float64) {
		return idle(o, "", o.figure("time_s"))
	})
}

func serialRoad() record.Road {
	return within("the same of the one worker, of the time that the speed-up says", anything, func(o observed) (float64, float64) {
		return idle(o, "alone_", o.figure("speedup")*o.figure("time_s"))
	})
}

func amdahlRoad() record.Road {
	return again("the formula, computed again", func(o observed) float64 {
		s := o.figure("serial_share")
		n := math.Min(o.fact(factWorkers), o.fact(factCores))
		return n / (n*s + 1 - s)
	})
}

// otherRoad holds the time that another job must have taken for a figure to be
// right.
func otherRoad(prefix string, of func(time, figure float64) float64) record.Road {
	return through("the other job's time, by its workers' clocks", aQuarter, func(o observed, figure float64) float64 {
		return of(o.figure("time_s"), figure)
	}, bounds(prefix+factTime))
}

// processor holds CPU seconds against what the kernel charged processes of the
// measured job for at their end. What they use after their last word is spared;
// what is between a little and a quarter less proves nothing. The fact untold is
// what processes may have used that said nothing at all.
func processor(who string, ours func(name string) bool, untold string) record.Road {
	return evidence.Law("what the kernel charged "+who+" for at their end",
		func(metric string, o *record.Observation, e *record.Evidence) record.Check {
			var total float64
			var n int64
			for _, p := range e.Processes {
				if !ours(p.Name) {
					continue
				}
				if p.TotalCPU == 0 {
					return record.Doubt("", n, "%s has not ended, or nobody saw it", p.Name)
				}
				total += p.TotalCPU
				n++
			}
			spare, got := observed{o}.fact(factSpareS)*float64(n), o.Scalars[metric]
			if untold != "" {
				spare += observed{o}.fact(untold)
			}
			const tick = 0.01
			switch {
			case n == 0, math.IsNaN(spare):
				return record.Doubt("", 0, "no process was seen, or it is not known what it may use beside what it tells")
			case got > total+tick || got < total*0.75-spare:
				return record.Fail("", n, "reported %.4g CPU seconds, the kernel charged %d processes for %.4g", got, n, total)
			case got < total*0.9-spare:
				return record.Doubt("", n, "reported %.4g CPU seconds, the kernel charged %d processes for %.4g", got, n, total)
			}
			return record.Pass("", n)
		})
}

func everyProcess(name string) bool {
	return strings.HasPrefix(name, measured+"-") || name == peerName
}

func onlyMaster(name string) bool { return name == measured+"-master" }

// peakRoad: a process can have held more than was seen, never less. Its last
// leap may be missed, so there is room above.
func peakRoad() record.Road {
	const above, page = 1.5, 0.005 // page is in MB: what the kernel has not added up yet
	return evidence.Law("the processes' memory, seen from outside every 20 ms",
		func(metric string, o *record.Observation, e *record.Evidence) record.Check {
			seen := megabytes(int64(e.Facts[factPeakB]))
			switch got := o.Scalars[metric]; {
			case seen == 0:
				return record.Doubt("", 0, "nobody looked at the processes' memory (fact %s)", factPeakB)
			case got < 0.75*seen-page:
				return record.Fail("", 1, "reported %.4g MB, a process was seen with %.4g", got, seen)
			case got < 0.9*seen || got > above*seen:
				return record.Doubt("", 1, "reported %.4g MB, the most that was seen of a process is %.4g", got, seen)
			}
			return record.Pass("", 1)
		})
}

func shuffleRoad() record.Road {
	return evidence.All(
		again("the sizes of the runs on disk", func(o observed) float64 { return o.fact(factRunsB) / 1e6 }),
		socketLaw(),
	)
}

// socketLaw holds what went from worker to worker against what they wrote to
// their sockets. A worker that was killed took its count with it: then it says
// nothing.
func socketLaw() record.Road {
	return evidence.Law("the workers' sockets", func(_ string, o *record.Observation, e *record.Evidence) record.Check {
		v := observed{o}
		var sent, n int64
		for _, p := range e.Processes {
			if p.Role != worker.RoleName || !everyProcess(p.Name) {
				continue
			}
			if p.Calls == nil {
				return record.Check{}
			}
			sent += p.Calls.SentB
			n++
		}
		low, high := v.fact(factFetchedB+least), v.fact(factFetchedB+most)
		const frames = 1.02
		most := high*frames + v.fact(factControlB)
		switch got := float64(sent); {
		case n == 0 || math.IsNaN(low+most):
			return record.Doubt("", 0, "no worker was seen, or what they fetched is missing (facts %s…)", factFetchedB)
		case got < low || got > most:
			return record.Fail("", n, "runs of %.0f to %.0f bytes were fetched, the sockets took %d", low, high, sent)
		}
		return record.Pass("", n)
	})
}

func skewRoad() record.Road {
	return again("the sizes of the runs on disk", func(o observed) float64 {
		var sizes []float64
		var sum float64
		for name, n := range o.Evidence.Facts {
			if strings.HasPrefix(name, factReduceMB+"/") {
				sizes, sum = append(sizes, n), sum+n
			}
		}
		if sum == 0 {
			return math.NaN()
		}
		return slices.Max(sizes) / (sum / float64(len(sizes)))
	})
}

// undelivered is how many attempts may be with the master and not with a worker: the
// answer to the last question of each.
func undelivered(o observed) float64 { return o.fact(factWorkers) }

func attemptsRoad() record.Road {
	return within("the workers' own tallies", anything, func(o observed) (float64, float64) {
		return o.fact(factGot), o.fact(factGot) + undelivered(o)
	})
}

// secondRoad holds second attempts together against those that workers got:
// every one was a backup, a rerun, or followed a failure.
func secondRoad() record.Road {
	return evidence.Law("the workers' own tallies of second attempts", func(_ string, o *record.Observation, e *record.Evidence) record.Check {
		v := observed{o}
		told, seen, failed := v.figure("backups")+v.figure("reruns"), v.fact(factExtra), v.fact(factFailed)
		switch n := int64(v.fact(factGot)); {
		case math.IsNaN(told + seen + failed + undelivered(v)):
			return record.Doubt("", 0, "the ledgers are missing (fact %s)", factExtra)
		case told+failed < seen, v.figure("backups") > seen+undelivered(v):
			return record.Fail("", n, "%.0f backups and reruns, workers got %.0f second attempts and failed at %.0f", told, seen, failed)
		case told > seen+undelivered(v):
			return record.Doubt("", n, "%.0f backups and reruns, workers got %.0f second attempts", told, seen)
		default:
			return record.Pass("", n)
		}
	})
}

// winsRoad: the attempt that came too late may not have reached its worker yet.
func winsRoad() record.Road {
	return within("at most the tasks that a later attempt was first at, by the workers' own tallies", anything,
		func(o observed) (float64, float64) {
			return 0, math.Min(o.fact(factWins)+undelivered(o), o.figure("backups"))
		})
}

// tasksRoad: a report may have been on its way when the master added up.
func tasksRoad() record.Road {
	return evidence.Law("the workers' own tallies", func(metric string, o *record.Observation, e *record.Evidence) record.Check {
		v := o.Vectors[metric]
		for i, label := range v.Labels {
			told, ok := e.Facts[factTasks+"/"+label]
			switch got := v.Values[i]; {
			case !ok:
				return record.Doubt("", int64(i), "worker %s has left no ledger", label)
			case got > told || got < told-1:
				return record.Fail("", int64(i), "worker %s is said to have finished %.0f attempts, it reported %.0f", label, got, told)
			}
		}
		return record.Pass("", int64(len(v.Labels)))
	})
}
