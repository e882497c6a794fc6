package lookaside

import (
	"time"

	"dyno/bench/load"
	"dyno/internal/record"
)

// evidence is what a run's figures are held against, beside what the engine sees
// from outside: the clients' spans summed up by other code than the histograms,
// and what the servers counted by themselves.
func (r *run) evidence() *record.Evidence {
	l := &r.account.Load
	begin, end := time.Unix(0, l.BeginUnixNS), time.Unix(0, l.EndUnixNS)
	e := &record.Evidence{Begin: l.BeginUnixNS, End: l.EndUnixNS, Spans: l.Digests, Facts: make(map[string]float64)}
	e.Slack = int64(max(r.usage.samples.Slack(begin, end), r.account.CPUSlack))
	e.Missed = r.usage.samples.Missed(begin, end).Seconds()
	window := end.Sub(begin).Seconds()
	for i, m := range r.members {
		st := r.stats[m.GetId()]
		if st == nil || window <= 0 {
			continue // its counts died with it
		}
		e.Facts["answered/"+m.GetId()] = float64(st.GetRequests())
		e.Facts["busy/"+m.GetId()] = time.Duration(st.GetBusyNs()).Seconds() / window
		if l.Counts.OK == l.Counts.Sent && r.account.Broken == 0 && l.Knee == nil { // else a server may still work for a client that has gone on
			e.Facts["peak/"+m.GetId()] = float64(r.seen(i).MaxInFlight)
		}
	}
	return e
}

// simLedger keeps the evidence of a simulation: times and areas that no meter
// of a server had a hand in.
type simLedger struct {
	times      []int64       // of measured requests
	inside     int64         // requests in the system
	at, began  time.Duration // of the last change, and of the window
	area       float64       // under the number in the system, in the window
	fringe     float64       // see record.SpanDigest
	open, over bool
}

// advance moves on to a moment at which the number changes.
func (l *simLedger) advance(now time.Duration) {
	if l.open && !l.over {
		l.area += float64(l.inside) * float64(now-l.at)
	}
	l.at = now
}

func (l *simLedger) arrive(now time.Duration) {
	l.advance(now)
	l.inside++
}

func (l *simLedger) depart(now, arrived time.Duration) {
	l.advance(now)
	l.inside--
	if !l.open || l.over {
		return
	}
	l.times = append(l.times, int64(now-arrived))
	l.fringe += float64(max(l.began-arrived, 0))
}

func (l *simLedger) begin(now time.Duration) {
	l.advance(now)
	l.began, l.open = now, true
}

// end closes the window; some requests are still in the system.
func (l *simLedger) end(now time.Duration, servers []simStation) {
	l.advance(now)
	l.over = true
	for i := range servers {
		for _, v := range servers[i].visits[servers[i].first:] {
			l.fringe -= float64(now - max(v.Arrived, l.began))
		}
	}
}

// evidence of a simulation has no processes: its time is virtual.
func (l *simLedger) evidence(window time.Duration) *record.Evidence {
	d := load.DigestTimes(l.times)
	d.Window, d.Sent, d.Answered = int64(window), d.Count, d.Count
	d.Area, d.Fringe = l.area, l.fringe
	return &record.Evidence{Spans: map[string]record.SpanDigest{load.DigestLatency: d}}
}
