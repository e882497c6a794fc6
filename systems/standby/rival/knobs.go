package rival

import (
	_ "embed"
	"fmt"
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
	Memory   = "redis"
	Durable  = "redis-aof"
	Etcd     = "etcd"
	Postgres = "postgres-sync"
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
		Of: []string{Memory, Durable, Etcd, Postgres},
		Help: "what is measured instead of the system: Redis with a replica, in memory or with a synced append-only file; etcd with three " +
			"members; or PostgreSQL with a standby that has each transaction on its disk",
	},
	Faults: rival.Choice{
		Of:   []string{faultKill, faultPause},
		Help: "what becomes of the rival's primary, or leader, for three seconds, half a second into the window, with somebody watching",
	},
	Mutants: rival.Choice{
		Of: []string{mutantNoWait, mutantNoFsync},
		Help: "what is left out of what the rival is to promise, for the checks to find: that another server has a write (etcd is alone " +
			"then), or the syncs of the file",
	},
}.Knobs(), systems.Knob{
	Name: KnobWait, Default: "on", Type: systems.Choice{"on", "off"},
	Help: "whether Redis's client asks for the replica's receipt of each write (WAIT 1)",
})

// metrics are what a trial reports beside the load's own.
func metrics() []record.Metric {
	return append(rival.Metrics(), []record.Metric{
		{
			Name: "rival_outage_ms", Words: "time without service", Kind: record.KindScalar, Unit: "ms", Better: record.Lower,
			Help: "longest time, after the fault, in which no client that looks for the primary had a write acknowledged",
		},
		{
			Name: "rival_lost", Words: "acknowledged writes lost", Kind: record.KindScalar, Unit: "1", Better: record.Lower,
			Help: "writes that were acknowledged to clients who look for the primary and that the survivor lacks",
		},
		{
			Name: "rival_twice", Kind: record.KindScalar, Unit: "1", Better: record.Lower,
			Help: "writes that the survivor has more than once, because they were tried again",
		},
		{
			Name: "rival_old_acked", Words: "writes that an old primary acknowledged", Kind: record.KindScalar, Unit: "1", Better: record.Lower,
			Help: "writes that the old primary acknowledged after the fault, to a client whose connection stayed open",
		},
		{
			Name: "rival_old_lost", Words: "writes lost that an old primary acknowledged", Kind: record.KindScalar, Unit: "1", Better: record.Lower,
			Help: "of these, those that the survivor lacks",
		},
	}...)
}

// Roles are those of the rival of a system of that name.
func Roles(system string) []systems.Role { return append(rival.Roles(system), loaderRole(system)) }

// Arm is the rival.
func Arm() rival.Arm {
	return rival.Arm{
		Knobs: knobs, Metrics: metrics(), Trial: run, Check: check, Judge: Judge, Overhead: overhead, Report: section,
	}
}

// downAfter is how long the primary is silent before it is taken for dead: by
// sentinels, by whoever looks after PostgreSQL, and by etcd as it comes.
const downAfter = time.Second

// lead is how long after the window's begin the primary is struck, and awayFor how
// long it is away: by then another one is elected, after two seconds at most as seen, as
// whose replica it returns. That takes Sentinel some eight seconds more.
const (
	lead    = 500 * time.Millisecond
	awayFor = 3 * downAfter

	// leastWindow holds its return, and a second in which it may acknowledge what
	// nobody else will have.
	leastWindow = lead + awayFor + time.Second
)

// check refuses what would not measure what it says.
func check(set systems.Setting, v systems.Values) error {
	if v.Text(rival.Knob) == Etcd && v.Text(rival.KnobMutant) == mutantNoFsync {
		return fmt.Errorf("%s: etcd 3.4 always syncs its log", rival.KnobMutant)
	}
	if v.Text(rival.KnobFault) != rival.None && set.Length < leastWindow {
		return fmt.Errorf("%s: nobody acts for %v: measure for at least %v, not %v", rival.KnobFault, downAfter, leastWindow,
			set.Length)
	}
	return nil
}

// overhead is what servers take to be made and ended. Sentinels take two seconds to
// find each other.
func overhead(v systems.Values) time.Duration {
	fault := v.Text(rival.KnobFault) != rival.None
	switch v.Text(rival.Knob) {
	case Postgres:
		return 1350 * time.Millisecond
	case Memory, Durable:
		switch {
		case fault && v.Text(KnobWait) == "on" && v.Text(rival.KnobFault) == faultPause:
			return 9 * time.Second // nobody has a receipt before Sentinel has found the old primary again
		case fault:
			return 2700 * time.Millisecond
		}
	}
	return 300 * time.Millisecond
}

// section is the rival's part of the system's section of the report.
//
//go:embed compared.md.tmpl
var section string
