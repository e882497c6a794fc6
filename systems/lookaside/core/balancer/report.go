package balancer

import (
	"math"
	"time"

	"dyno/systems/lookaside/core/policy"
)

// Report takes in a server's load. A report that is not newer than the last
// one of the same instance is ignored. The error is [ErrInvalid] for a load
// that cannot be (negative, not a number, absurdly high), or
// [ErrUnknownServer] when this instance is not in the table.
func (b *Balancer) Report(now time.Duration, rep Report) error {
	b.advance(now)
	if err := rep.validate(); err != nil {
		return err
	}
	r, known := b.byID[rep.ID]
	if !known || r.Instance != rep.Instance {
		return ErrUnknownServer
	}
	if r.reported && rep.Sequence <= r.last.Sequence {
		return nil
	}
	others := r.suspected || rep.Draining != r.last.Draining || !b.recent(r) || b.silent
	r.smooth(b.now, rep)
	r.last, r.reported, r.at = rep, true, b.now
	r.assigned, r.counted, r.anew = 0, b.now, r.anew+1
	r.suspected = false
	if others {
		b.fresh = false // more than this server's entry changes
	} else if r.index >= 0 {
		b.view[r.index] = b.entry(r, float64(rep.InFlight))
		b.rescore(r.index)
	}
	return nil
}

// smooth averages what the report says, the error rate over [errorMemory],
// exactly for a rate that was constant between two reports.
func (r *row) smooth(now time.Duration, rep Report) {
	if rep.Latency > 0 {
		r.latency = r.latency.Observe(now, rep.Latency.Seconds())
	}
	if !r.reported {
		r.errorRate = rep.EPS
		return // the time that it speaks for is not known
	}
	keep := math.Exp(-float64(now-r.at) / float64(errorMemory))
	r.errorRate = rep.EPS + (r.errorRate-rep.EPS)*keep
	r.work.add(now-r.at, rep)
}

// work averages the rate and the utilisation of a server over [workMemory].
// Both are sums over the same reports with the same weights, so that their
// quotient is right from the first one on.
type work struct{ qps, busy, weight float64 }

func (w *work) add(dt time.Duration, rep Report) {
	keep := math.Exp(-float64(dt) / float64(workMemory))
	w.qps = w.qps*keep + rep.QPS*(1-keep)
	w.busy = w.busy*keep + rep.Utilization*(1-keep)
	w.weight = w.weight*keep + (1 - keep)
}

// averages returns 0, 0 until the reports cover workMemory and enoughWork
// requests: before that, chance says more than speed.
func (w *work) averages() (qps, utilization float64) {
	if w.weight < 1-1/math.E-1e-9 {
		return 0, 0
	}
	if qps = w.qps / w.weight; qps*workMemory.Seconds() < enoughWork {
		return 0, 0
	}
	return qps, w.busy / w.weight
}

// Fail notes that a client could not reach a server. It is suspect, and not
// picked while there is anyone else, until its next report or for three report
// intervals, whichever ends first: if it is dead, its lease ends the matter.
// An instance that is not in the table is ignored.
func (b *Balancer) Fail(now time.Duration, id, instance string) {
	b.advance(now)
	r, known := b.byID[id]
	if !known || r.Instance != instance {
		return
	}
	r.suspected, r.until = true, b.now+staleAfter*b.cfg.Interval
	b.fresh = false
}

func (rep Report) validate() error {
	switch {
	case rep.InFlight < 0 || rep.InFlight > MaxInFlight:
		return invalid("report of %.40q: %d requests in flight are not between 0 and %d", rep.ID, rep.InFlight, MaxInFlight)
	case !within(rep.Utilization, MaxUtilization):
		return invalid("report of %.40q: utilisation %v is not between 0 and %v", rep.ID, rep.Utilization, MaxUtilization)
	case !within(rep.QPS, MaxRate):
		return invalid("report of %.40q: %v queries per second are not between 0 and %v", rep.ID, rep.QPS, MaxRate)
	case rep.Latency < 0 || rep.Latency > MaxLatency:
		return invalid("report of %.40q: latency %v is not between 0 and %v", rep.ID, rep.Latency, MaxLatency)
	case !within(rep.EPS, MaxRate):
		return invalid("report of %.40q: %v errors per second are not between 0 and %v", rep.ID, rep.EPS, MaxRate)
	}
	return nil
}

// within is false for NaN too.
func within(x, most float64) bool { return x >= 0 && x <= most }

// Probe is what a server answered to a probe.
type Probe struct {
	ID, Instance string
	InFlight     int64
	Latency      time.Duration // that requests met which came when it had about as many; 0: none so far
}

// wantProbes notes whom the policy wants to be probed.
func (b *Balancer) wantProbes() {
	for _, i := range b.prober.Probes(b.view, b.cfg.Rand) {
		if len(b.probes) >= MaxProbes {
			return // nobody carries them out as fast as they are wanted
		}
		r := b.viewOf[i]
		b.probes = append(b.probes, Pick{ID: r.ID, Instance: r.Instance, Address: r.Address})
	}
}

// Probes appends the servers that are to be probed to dst, and forgets them.
// The caller asks each for its load at once and hands the answer to
// [Balancer.Probed]; a probe that is lost does no harm. There is none unless the
// policy is a [policy.Prober].
func (b *Balancer) Probes(dst []Pick) []Pick {
	dst = append(dst, b.probes...)
	b.probes = b.probes[:0]
	return dst
}

// Probed takes in the answer to a probe. The error is [ErrInvalid] for a load
// that cannot be, or [ErrUnknownServer] when this instance is not in the table
// any more.
func (b *Balancer) Probed(now time.Duration, p Probe) error {
	b.advance(now)
	switch {
	case p.InFlight < 0 || p.InFlight > MaxInFlight:
		return invalid("probe of %.40q: %d requests in flight are not between 0 and %d", p.ID, p.InFlight, MaxInFlight)
	case p.Latency < 0 || p.Latency > MaxLatency:
		return invalid("probe of %.40q: latency %v is not between 0 and %v", p.ID, p.Latency, MaxLatency)
	}
	r, known := b.byID[p.ID]
	if !known || r.Instance != p.Instance {
		return ErrUnknownServer
	}
	if b.prober != nil {
		b.prober.Probed(b.now, policy.Probe{ID: r.ID, Revision: r.Revision, InFlight: float64(p.InFlight), Latency: p.Latency})
	}
	return nil
}
