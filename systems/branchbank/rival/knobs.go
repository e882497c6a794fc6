package rival

import (
	_ "embed"
	"time"

	"dyno/bench/rival"
	"dyno/internal/record"
	"dyno/systems"
)

const knobClients = "clients"

// What is measured instead of branchbank.
const (
	Redis = "redis"
	Flush = "postgres"       // synchronous_commit = on
	Apply = "postgres-apply" // remote_apply
)

// mutantNoApply leaves out on purpose that the standby has applied a write:
// remote_apply is promised, and not set.
const mutantNoApply = "no-apply"

// mutantTorn has a read of Redis be two, so that it is no view of one moment.
const mutantTorn = "torn-reads"

// knobs are those by which a trial of branchbank becomes one of its rivals.
var knobs = rival.Choices{
	Rivals: rival.Choice{
		Of:   []string{Redis, Flush, Apply},
		Help: "what is measured instead of the system: Redis with a replica, or PostgreSQL with a standby that has a write on disk, or applied",
	},
	Mutants: rival.Choice{
		Of:   []string{mutantNoApply, mutantTorn},
		Help: "what is left out, for the checks to find: that PostgreSQL's standby has applied a write, that a read of Redis is of one moment",
	},
}.Knobs()

// metrics are what a trial reports beside the load's own. Writes and reads are
// half of the operations each.
func metrics() []record.Metric {
	return append(rival.Metrics(), []record.Metric{
		{
			Name: "rival_stale_reads", Words: "reads missing an own write", Kind: record.KindScalar, Unit: "1", Better: record.Lower,
			Help: "share of reads at the replica that lacked a write of their own session (read your writes)",
		},
		{
			Name: "rival_backward_reads", Kind: record.KindScalar, Unit: "1", Better: record.Lower,
			Help: "share of reads at the replica that lacked what the session had read before (monotonic reads)",
		},
		{
			Name: "rival_disordered_writes", Kind: record.KindScalar, Unit: "1", Better: record.Lower,
			Help: "share of writes that a read at the replica saw without the one before of their session (monotonic writes)",
		},
		{
			Name: "rival_causeless_writes", Kind: record.KindScalar, Unit: "1", Better: record.Lower,
			Help: "share of writes that a read saw without what their session had read before (writes follow reads)",
		},
		{
			Name: "rival_write", Kind: record.KindHistogram, Unit: "ms", Better: record.Lower,
			Help: "deposits at the primary, from sending to the answer, warm-up included",
		},
		{
			Name: "rival_read", Kind: record.KindHistogram, Unit: "ms", Better: record.Lower,
			Help: "balances asked at the replica, from sending to the answer, warm-up included",
		},
	}...)
}

// Roles are those of the rival of a system of that name.
func Roles(system string) []systems.Role { return append(rival.Roles(system), loaderRole(system)) }

// Arm is the rival.
func Arm() rival.Arm {
	return rival.Arm{
		Knobs: knobs, Metrics: metrics(),
		Trial: run, Judge: Judge, Overhead: overhead, Report: section,
	}
}

// overhead is what a primary and its copy take to be made and ended.
func overhead(v systems.Values) time.Duration {
	if v.Text(rival.Knob) == Redis {
		return time.Second
	}
	return 1600 * time.Millisecond
}

// section is the rival's part of the system's section of the report.
//
//go:embed compared.md.tmpl
var section string
