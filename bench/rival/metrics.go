package rival

import (
	"context"
	"time"

	"dyno/bench/evidence"
	"dyno/bench/load"
	"dyno/bench/sample"
	"dyno/internal/record"
	"dyno/systems"
)

// What a trial's evidence says of its rival.
const (
	FactWrites = "rival_writes" // writes of the load that the rival's own counter counts
	factSpawns = "rival_spawns" // 1: its servers start others, whose CPU clocks the engine does not read
)

// Metrics are what every trial of a rival reports beside the load's own.
func Metrics() []record.Metric {
	return []record.Metric{
		{
			Name: "rival_us_per_request", Kind: record.KindScalar, Unit: "µs", Better: record.Lower,
			Help: "CPU time of the rival's servers, with all that they start, per OK request", Road: ownCPU(),
		},
		{
			Name: "rival_memory_mb", Kind: record.KindScalar, Unit: "MB", Better: record.Lower,
			Help: "resident memory of the rival's servers at its highest, added up; of what they start, nothing",
		},
	}
}

// both is a road with two laws, each of which holds where it is concerned.
func both(a, b record.Road) record.Road {
	if a.Hold == nil {
		return b
	}
	return evidence.All(a, b)
}

// counted holds what became of the operations against the rival's own count of
// the writes that reached it. A trial of the system itself is not concerned.
func counted() record.Road {
	return evidence.Law("the rival's own count of writes", func(_ string, o *record.Observation, e *record.Evidence) record.Check {
		n, ok := e.Facts[FactWrites]
		if !ok {
			return record.Check{}
		}
		if ok := float64(o.Counts.OK); n < ok {
			return record.Fail("", o.Counts.Sent, "%d operations are said to be OK, the rival counts %.0f writes", o.Counts.OK, n)
		}
		return record.Pass("", o.Counts.Sent)
	})
}

// ownCPU holds a rival's CPU time against the clocks that the engine read, unless
// it starts processes of its own.
func ownCPU() record.Road {
	all := evidence.CPU(evidence.MicrosPerMeasured(load.DigestLatency), RoleServer)
	return record.Road{Law: all.Law + "; of one that starts others, nothing", Hold: func(metric string, o *record.Observation) record.Check {
		if o.Evidence != nil && o.Evidence.Facts[factSpawns] == 1 {
			return record.Check{}
		}
		return all.Hold(metric, o)
	}}
}

// Meter watches what servers cost.
type Meter struct {
	sampler *sample.Sampler
	names   []string
	spawns  bool
}

// meterEvery is how often; the CPU clocks are read much more often, of each of
// PostgreSQL's hundreds of processes.
const meterEvery = 400 * time.Millisecond

// StartMeter watches servers that all do or do not start others.
func StartMeter(ctx context.Context, spawns bool, servers ...systems.Process) (*Meter, error) {
	m := &Meter{spawns: spawns}
	var targets []sample.Target
	for _, s := range servers {
		targets = append(targets, sample.Target{Name: s.Name(), PID: s.PID(), Spawns: spawns})
		m.names = append(m.names, s.Name())
	}
	var err error
	m.sampler, err = sample.Start(ctx, targets, meterEvery)
	return m, err
}

// Observe sets the rival's metrics for the window of an observation that has
// evidence, with so many OK operations in it.
func (m *Meter) Observe(o *record.Observation, measured int64) {
	samples := m.sampler.Stop()
	begin, end := time.Unix(0, o.Evidence.Begin), time.Unix(0, o.Evidence.End)
	o.Evidence.Slack = max(o.Evidence.Slack, int64(samples.Slack(begin, end)))
	var cpu, memory float64
	for _, name := range m.names {
		u := samples.Window(name, begin, end)
		cpu, memory = cpu+u.CPUSeconds, memory+u.MaxRSSBytes
	}
	if m.spawns {
		o.Evidence.Facts[factSpawns] = 1
	}
	o.Set("rival_memory_mb", memory/1e6)
	if measured > 0 {
		o.Set("rival_us_per_request", cpu*1e6/float64(measured))
	}
}
