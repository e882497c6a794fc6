// Package trial measures the standby system: a witness, two servers and a load,
// with faults, and the proof from the journals that both servers leave.
package trial

import (
	"fmt"
	"time"

	"dyno/bench/driver"
	"dyno/bench/evidence"
	"dyno/bench/inject"
	"dyno/bench/load"
	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/standby/cluster"
)

// The knobs.
const (
	knobReplicate = "replicate"
	knobLease     = "lease"
	knobAPI       = "client-api"
	knobStorage   = "storage"
	knobShip      = "ship"
	knobStrike    = "strike"
	knobStrikes   = "strikes"
	knobLookups   = "lookups"
	knobAccounts  = "accounts"
)

// Levels of knobs.
const (
	strikeNone  = "none"
	strikeKill  = "kill"
	strikePause = "pause"
	stream      = "stream"
	memory      = "memory"
	async       = "async"
)

// Knobs are those of a trial.
var Knobs = systems.Knobs{
	{
		Name: knobReplicate, Default: "sync", Type: systems.Choice{"sync", async},
		Help: "sync: acknowledged when both servers have it; async: at once",
	},
	{
		Name: knobLease, Default: "1s", Type: systems.Duration{Min: 50 * time.Millisecond, Max: 10 * time.Second},
		Help: "the longest time without a primary",
	},
	{
		Name: driver.KnobClients, Unit: "clients", Default: "32", Type: systems.Int{Min: 1, Max: 1024},
		Help: "each with one request under way",
	},
	{Name: knobAPI, Default: "unary", Type: systems.Choice{"unary", stream}, Help: "whether clients make calls, or share a stream"},
	{Name: knobStorage, Default: "disk", Type: systems.Choice{"disk", memory}, Help: "whether servers have a journal on disk"},
	{
		Name: knobShip, Default: stream, Type: systems.Choice{stream, "rpc"},
		Help: "how actions are shipped: in batches on a stream, or in calls",
	},
	{Name: knobLookups, Default: "0", Type: systems.Float{Min: 0, Max: 1}, Help: "share of requests that only look"},
	{
		Name: knobAccounts, Unit: "accounts", Default: "64", Type: systems.Int{Min: 1, Max: 100_000},
		Help: "accounts; clients use as many as they are, or all",
	},
	{
		Name: knobStrike, Default: strikeNone, Breaks: true, Type: systems.Choice{strikeNone, strikeKill, strikePause},
		Help: "what befalls whoever is primary, again and again: kill -9 and a restart, or a pause longer than the lease",
	},
	{Name: knobStrikes, Default: "5", Type: systems.Int{Min: 1, Max: 100}, Help: "how often"},
	inject.Knob,
}

// hist is the load's response times.
const hist = load.DigestLatency

// Metrics are those of a trial.
var Metrics = append(driver.Metrics(answeredRoad), []record.Metric{
	{
		Name: "failover", Kind: record.KindHistogram, Unit: "ms", Better: record.Lower,
		Help: "from a strike on the primary to the next write that is acknowledged: by the other server, or by this one once it goes on",
		Road: evidence.Spans(),
	},
	{
		Name: "failover_slowest_ms", Kind: record.KindScalar, Unit: "ms", Better: record.Lower,
		Help: "the longest of them in the trial", Road: slowestRoad,
	},
	{
		Name: "lost", Words: "acknowledged writes lost", Kind: record.KindScalar, Unit: "1", Better: record.Lower,
		Help: "writes that were acknowledged and are not in the survivor's log", Road: lostRoad,
	},
	{
		Name: "old_acked", Words: "writes that an old primary acknowledged", Kind: record.KindScalar, Unit: "1", Better: record.Lower,
		Help: "writes that an old primary acknowledged after it went on, in an epoch that had ended, also to a client who had waited for it",
	},
	{
		Name: "struck", Kind: record.KindScalar, Unit: "1",
		Help: "strikes that met the primary", Road: evidence.Fact("struck", "samples of the failover time"),
	},
	{
		Name: "repeated", Kind: record.KindScalar, Unit: "1",
		Help: "requests that were answered by their stored reply, not done twice",
	},
	{
		Name: "server_cores", Kind: record.KindScalar, Unit: "cores", Help: "CPU time of both servers and the witness, per second",
		Road: evidence.CPU(evidence.Cores, "server", "witness"),
	},
	{
		Name: "cpu_us_per_request", Kind: record.KindScalar, Unit: "µs", Better: record.Lower,
		Help: "CPU time of clients, servers and witness together per OK request", Road: evidence.CPU(evidence.MicrosPerMeasured(hist)),
	},
	{
		Name: "shipped_bytes", Kind: record.KindScalar, Unit: "B", Better: record.Lower,
		Help: "messages of the primary to its standby, per action", Road: evidence.Ratio("shipped_total", "shipped_actions"),
	},
	{
		Name: "shipped_total", Kind: record.KindScalar, Unit: "B",
		Help: "messages of the primary to its standby", Road: evidence.Bytes("server"),
	},
	{
		Name: "batch", Kind: record.KindScalar, Unit: "actions", Help: "actions in a message to the standby, in the mean",
		Road: evidence.Ratio("shipped_actions", "shipped_messages"),
	},
	{Name: "shipped_actions", Kind: record.KindScalar, Unit: "actions", Help: "that the last primary shipped", Road: shippedRoad},
	{Name: "shipped_messages", Kind: record.KindScalar, Unit: "1", Help: "in which it did"},
	{
		Name: "acknowledged", Kind: record.KindSeries, Unit: "writes per 10 ms",
		Help: "writes that each server acknowledged, from before the first strike to before the next, over the epochs",
	},
}...)

// plan is what a trial is to do.
type plan struct {
	lease    time.Duration
	strike   string
	strikes  int
	schedule string
	length   time.Duration // of the load's window
}

// lead is how long after the load has begun the first strike comes.
const lead = 800 * time.Millisecond

// cycle is the time from one strike to the next: another server takes over, the
// one that was struck comes back and catches up, and both are a pair for a while.
func (p *plan) cycle() time.Duration { return p.down() + p.lease/2 + 450*time.Millisecond + pairedFor }

// down is how long who was struck is away: longer than its lease.
func (p *plan) down() time.Duration { return p.lease * 5 / 4 }

func newPlan(set systems.Setting, v systems.Values) *plan {
	p := &plan{
		lease: v.Duration(knobLease), strike: v.Text(knobStrike), strikes: v.Int(knobStrikes), length: set.Length,
		schedule: v.Text(inject.Knob.Name),
	}
	if p.strike != strikeNone {
		p.length = max(set.Length, lead+time.Duration(p.strikes)*p.cycle())
	}
	return p
}

// Check refuses what would not measure what it says.
func Check(set systems.Setting, v systems.Values) error {
	if v.Text(knobStrike) != strikeNone && v.Text(knobStorage) == memory {
		return fmt.Errorf("%s: a server without a disk has forgotten all when it is started again", knobStrike)
	}
	if err := cluster.Ground().Check(v.Text(inject.Knob.Name)); err != nil {
		return fmt.Errorf("standby: %w", err)
	}
	return nil
}

// Overhead is what a trial takes beside its window.
func Overhead(v systems.Values) time.Duration {
	o := 300 * time.Millisecond
	if v.Text(knobStrike) != strikeNone {
		// Strikes lengthen the window, as a rule by all but a second.
		p := plan{lease: v.Duration(knobLease)}
		o += lead + time.Duration(v.Int(knobStrikes))*p.cycle() - time.Second
	}
	return o
}
