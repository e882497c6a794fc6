package balancer

import (
	"time"

	"dyno/systems/lookaside/core/policy"
)

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
