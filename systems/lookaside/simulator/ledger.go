package simulator

import (
	"time"

	"dyno/bench/load"
	"dyno/internal/record"
)

// ledger keeps the evidence of a simulation: times and areas that no meter
// of a server had a hand in.
type ledger struct {
	times      []int64       // of measured requests
	inside     int64         // requests in the system
	at, began  time.Duration // of the last change, and of the window
	area       float64       // under the number in the system, in the window
	fringe     float64       // see record.SpanDigest
	open, over bool
}

// advance moves on to a moment at which the number changes.
func (l *ledger) advance(now time.Duration) {
	if l.open && !l.over {
		l.area += float64(l.inside) * float64(now-l.at)
	}
	l.at = now
}

func (l *ledger) arrive(now time.Duration) {
	l.advance(now)
	l.inside++
}

func (l *ledger) depart(now, arrived time.Duration) {
	l.advance(now)
	l.inside--
	if !l.open || l.over {
		return
	}
	l.times = append(l.times, int64(now-arrived))
	l.fringe += float64(max(l.began-arrived, 0))
}

func (l *ledger) begin(now time.Duration) {
	l.advance(now)
	l.began, l.open = now, true
}

// end closes the window; some requests are still in the system.
func (l *ledger) end(now time.Duration, servers []station) {
	l.advance(now)
	l.over = true
	for i := range servers {
		for _, v := range servers[i].visits[servers[i].first:] {
			l.fringe -= float64(now - max(v.Arrived, l.began))
		}
	}
}

// evidence of a simulation has no processes: its time is virtual.
func (l *ledger) evidence(window time.Duration) *record.Evidence {
	d := load.DigestTimes(l.times)
	d.Window, d.Sent, d.Answered = int64(window), d.Count, d.Count
	d.Area, d.Fringe = l.area, l.fringe
	return &record.Evidence{Spans: map[string]record.SpanDigest{load.DigestLatency: d}}
}
