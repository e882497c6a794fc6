package fleet

import (
	"time"

	"dyno/bench/agent"
	"dyno/internal/record"
)

// Flags of the quality of what several machines measured.
const (
	flagShared    = "shared machine"
	flagClocks    = "clocks"
	flagThrottled = "throttled"
)

// A tenth of the shortest window: how well the clocks of machines must be known, and how
// long a quota may hold one up.
const (
	clocksWithin    = 10 * time.Millisecond
	throttledWithin = 10 * time.Millisecond
)

// part is a machine's in a trial.
type part struct {
	name             string
	serving, driving bool // roles of the system, its load
	clock            agent.Clock
	throttled        time.Duration
}

// Flag tells what is to be known of a trial's figures besides, after [Bench.Witness].
func (b *Bench) Flag(o *record.Observation) {
	by := b.clock()
	b.mu.Lock()
	defer b.mu.Unlock()
	parts := make([]part, len(b.parts))
	for i, m := range b.fleet.machines {
		parts[i] = part{m.Name, b.serving[i], b.driving[i], m.Clock(), b.parts[i].Throttled()}
	}
	flag(o, b.plan.placement.String() == record.Apart, parts, by)
}

// flag holds the parts of a trial against what it was to be. The reference is the clock
// by which its windows are given.
func flag(o *record.Observation, apart bool, parts []part, reference agent.Clock) {
	if off := reference.Ahead; off.Abs() > clocksWithin {
		o.Flag(flagClocks, "the load's clock is %v ahead of the runner's: faults and figures that the runner timed are off by that",
			off.Round(time.Microsecond))
	}
	for _, p := range parts {
		if apart && p.serving && p.driving {
			o.Flag(flagShared, "the load came from machine %s, which ran roles of the system too: %d machines are too few for placement %s",
				p.name, len(parts), record.Apart)
		}
		if p.clock.Uncertain > clocksWithin {
			o.Flag(flagClocks, "the clock of machine %s is known to within %v only: who used how much in the window is not told apart better",
				p.name, p.clock.Uncertain.Round(time.Microsecond))
		}
		if off := p.clock.Ahead - reference.Ahead; p.driving && off.Abs() > clocksWithin {
			o.Flag(flagClocks, "load came from several machines, and the clock of %s is %v ahead of another's: their windows are not the same",
				p.name, off.Round(time.Microsecond))
		}
		if p.throttled > throttledWithin {
			o.Flag(flagThrottled, "a quota denied machine %s %v of processor time: the figures are those of the quota", p.name,
				p.throttled.Round(time.Microsecond))
		}
	}
}
