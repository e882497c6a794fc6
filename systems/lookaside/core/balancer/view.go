package balancer

import (
	"math"
	"time"

	"dyno/systems/lookaside/core/policy"
)

// The view is what the policy sees: the servers that may be picked, in
// registration order. Building it takes time in proportion to the table, so it
// is kept, and touched up in place by picks and ordinary reports. Whatever
// changes more than one entry marks it as not fresh; what changes by itself as
// time passes is foreseen in expire.

// refresh brings the view up to date.
func (b *Balancer) refresh() {
	if b.fresh && b.now < b.expire {
		return
	}
	b.fresh, b.silent, b.expire = true, false, math.MaxInt64
	b.choose()
	mean, reporting := b.mean()
	heard, most := reporting > 0, 2*reporting >= len(b.viewOf)
	first := heard && !b.heard
	b.heard = heard
	b.view = b.view[:0]
	for i, r := range b.viewOf {
		r.index, r.silent = i, most && b.doubted(r)
		load := mean
		switch {
		case b.recent(r):
			load = float64(r.last.InFlight)
			b.expireAt(r.at + staleAfter*b.cfg.Interval)
		case heard:
			b.silent = true
			b.restart(r, first)
		}
		b.view = append(b.view, b.entry(r, load))
	}
	if b.scored != nil {
		b.index.build(b.view, b.scored)
	}
}

// doubted reports whether a server has stopped reporting a short time ago: it
// may be hung or dead, and what it is given might wait until its lease ends.
// It is held against it only while most others report, since otherwise it is
// the balancer that has not listened; and not for longer than it takes a dead
// server to be gone, since from then on it is known to live.
func (b *Balancer) doubted(r *row) bool {
	end := r.at + staleAfter*b.cfg.Interval + b.cfg.Doubt
	if !r.reported || b.recent(r) || b.now >= end {
		return false
	}
	b.expireAt(end)
	return true
}

// choose fills viewOf with the servers that may be picked. Suspects are left
// out, unless nobody else is there: then suspicion tells them no longer apart.
func (b *Balancer) choose() {
	b.viewOf = b.viewOf[:0]
	for _, r := range b.rows {
		r.index = -1
		if r.suspected = r.suspected && b.now < r.until; r.suspected {
			b.expireAt(r.until)
		} else if !r.last.Draining {
			b.viewOf = append(b.viewOf, r)
		}
	}
	if len(b.viewOf) > 0 {
		return
	}
	for _, r := range b.rows {
		if !r.last.Draining {
			b.viewOf = append(b.viewOf, r)
		}
	}
}

// mean is the mean number in flight over the recent reports, and their number.
func (b *Balancer) mean() (load float64, reporting int) {
	for _, r := range b.viewOf {
		if b.recent(r) {
			load += float64(r.last.InFlight)
			reporting++
		}
	}
	return load / float64(max(reporting, 1)), reporting
}

// restart counts the picks of a server that is silent while others report
// afresh in each interval, as if it had reported the mean: otherwise they would
// only ever grow, and it would get nothing more. The first report of anyone
// starts it for all, since from then on they are measured by that.
func (b *Balancer) restart(r *row, first bool) {
	if first || b.now-r.counted >= b.cfg.Interval {
		r.assigned, r.counted, r.anew = 0, b.now, r.anew+1
	}
	b.expireAt(r.counted + b.cfg.Interval)
}

// entry is what the policy sees of a server.
func (b *Balancer) entry(r *row, load float64) policy.Server {
	s := policy.Server{
		ID: r.ID, Revision: r.Revision, Capacity: r.Capacity,
		InFlight: load, Assigned: r.assigned, Latency: r.latency, Silent: r.silent,
	}
	if b.recent(r) {
		s.ErrorRate = r.errorRate
		s.QPS, s.Utilization = r.work.averages()
	}
	return s
}

// recent reports whether a server's last report still says something.
func (b *Balancer) recent(r *row) bool {
	return r.reported && b.now-r.at < staleAfter*b.cfg.Interval
}

// expireAt notes that the view changes by itself at t.
func (b *Balancer) expireAt(t time.Duration) { b.expire = min(b.expire, t) }
