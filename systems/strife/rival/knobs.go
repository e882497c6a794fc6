package rival

import (
	_ "embed"
	"fmt"
	"time"

	"dyno/bench/rival"
	"dyno/internal/record"
	"dyno/systems"
)

const knobClients = "clients"

// forcedWrites is the system's own metric, here of the syncs that the clusters
// count, and of the coordinator's log.
const forcedWrites = "forced_writes"

// What is measured instead of strife.
const (
	Two   = "postgres-2pc" // across two clusters
	Local = "postgres"     // within one
)

const (
	faultCluster     = "kill-cluster"
	faultCoordinator = "kill-coordinator"
)

const (
	mutantNoFsync = "no-fsync"
	mutantNoLog   = "no-log"
)

// knobs are those by which a trial of strife becomes one of its rival.
var knobs = rival.Choices{
	Rivals: rival.Choice{
		Of:   []string{Two, Local},
		Help: "what is measured instead of the system: PostgreSQL with two-phase commit across two clusters, or with one transaction in one",
	},
	Faults: rival.Choice{
		Of:   []string{faultCluster, faultCoordinator},
		Help: "who of PostgreSQL's payments is killed in the middle of the window, for the audit to look at what is left",
	},
	Mutants: rival.Choice{
		Of:   []string{mutantNoFsync, mutantNoLog},
		Help: "what is left out of what PostgreSQL's payments promise, for the audit to find: its syncs, or the coordinator's log of decisions",
	},
}.Knobs()

// metrics are what a trial reports beside the load's own.
var metrics = append(rival.Metrics(), []record.Metric{
	{
		Name: "rival_in_doubt", Kind: record.KindScalar, Unit: "1", Better: record.Lower,
		Help: "transactions that were prepared and not ended when the load was over, for the coordinator's log to resolve",
	},
}...)

// Arm is the rival of the system.
func Arm() rival.Arm {
	return rival.Arm{
		Knobs: knobs, Metrics: metrics,
		Trial: run, Check: check, Judge: Judge, Overhead: overhead, Report: section,
	}
}

// check refuses what would not measure what it says.
func check(set systems.Setting, v systems.Values) error {
	if fault := v.Text(rival.KnobFault); fault != rival.None && (v.Text(rival.Knob) != Two || set.Length < time.Second) {
		return fmt.Errorf("%s: %s is for %s %s, and a window of a second at least", rival.KnobFault, fault, rival.Knob, Two)
	}
	return nil
}

// overhead is what clusters take to be made, filled and ended.
func overhead(v systems.Values) time.Duration {
	return 1350*time.Millisecond + time.Duration(v.Int("clients"))*15*time.Millisecond
}

// section is the rival's part of the system's section of the report.
//
//go:embed compared.md.tmpl
var section string
