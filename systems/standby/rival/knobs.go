package rival

import (
	"fmt"
	"slices"
	"time"

	"dyno/bench/rival"
	"dyno/internal/record"
	"dyno/systems"
)

// The knobs by which a trial of standby becomes one of its rival.
const (
	KnobWait = "rival-wait"

	knobClients = "clients"
)

// What is measured instead of standby.
const (
	Memory  = "redis"
	Durable = "redis-aof"
)

// The faults, which strike the primary.
const (
	faultKill  = "kill"
	faultPause = "pause"
)

// The mutants: what is left out on purpose of what the other knobs promise.
const (
	mutantNoWait  = "no-wait"
	mutantNoFsync = "no-fsync"
)

// knobs are those.
var knobs = append(rival.Choices{
	Rivals: rival.Choice{
		Of:   []string{Memory, Durable},
		Help: "what is measured instead of the system: Redis with a replica, in memory or with a synced append-only file",
	},
	Faults: rival.Choice{
		Of:   []string{faultKill, faultPause},
		Help: "what becomes of Redis's primary for four seconds, a second into the window, with Sentinel watching",
	},
	Mutants: rival.Choice{
		Of:   []string{mutantNoWait, mutantNoFsync},
		Help: "what is left out of what Redis is to promise, for the checks to find: the receipts, or the syncs of the file",
	},
}.Knobs(), systems.Knob{
	Name: KnobWait, Default: "on", Type: systems.Choice{"on", "off"},
	Help: "whether Redis's client asks for the replica's receipt of each write (WAIT 1)",
})

// metrics are what a trial reports beside the load's own.
var metrics = append(slices.Clone(rival.Metrics), []record.Metric{
	{
		Name: "rival_outage_ms", Kind: record.KindScalar, Unit: "ms", Better: record.Lower,
		Help: "longest time, after the fault, in which no client that follows Sentinel had a write acknowledged",
	},
	{
		Name: "rival_lost", Kind: record.KindScalar, Unit: "1", Better: record.Lower,
		Help: "writes that were acknowledged to clients who follow Sentinel and that the survivor lacks",
	},
	{
		Name: "rival_twice", Kind: record.KindScalar, Unit: "1", Better: record.Lower,
		Help: "writes that the survivor has more than once, because they were tried again",
	},
	{
		Name: "rival_old_acked", Kind: record.KindScalar, Unit: "1", Better: record.Lower,
		Help: "writes that the old primary acknowledged after the fault, to a client whose connection stayed open",
	},
	{
		Name: "rival_old_lost", Kind: record.KindScalar, Unit: "1", Better: record.Lower,
		Help: "of these, those that the survivor lacks",
	},
}...)

// Arm is the rival of a system of that name.
func Arm(system string) rival.Arm {
	return rival.Arm{
		Roles: []systems.Role{rival.Role(system, rival.RoleServer), loaderRole(system)}, Knobs: knobs, Metrics: metrics,
		Trial: run, Check: check, Judge: Judge, Overhead: 1500 * time.Millisecond, Report: section,
	}
}

// downAfter is how long the primary is silent before a sentinel takes it for dead.
const downAfter = time.Second

// lead is how long after the window's begin the primary is struck, and awayFor how
// long it is away: by then another one is elected, as whose replica it returns. That
// takes Sentinel some eight seconds more.
const (
	lead    = time.Second
	awayFor = 4 * downAfter
)

// check refuses what would not measure what it says.
func check(set systems.Setting, v systems.Values) error {
	if v.Text(rival.KnobFault) != rival.None && set.Length < 2*awayFor {
		return fmt.Errorf("%s: Sentinel waits for %v before it acts: measure for at least %v, not %v", rival.KnobFault, downAfter, 2*awayFor,
			set.Length)
	}
	return nil
}
