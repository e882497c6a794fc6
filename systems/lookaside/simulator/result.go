package simulator

import (
	"fmt"
	"math"
	"time"

	"dyno/bench/load"
	"dyno/internal/record"
	"dyno/systems/lookaside/check"
)

// Result is what the measured requests of a [Simulation] came to.
type Result struct {
	Response   time.Duration     // mean time in the system
	Error      time.Duration     // standard error of Response, by batch means
	Responses  *record.Histogram // all times in the system
	Throughput float64           // answers per mean service time
	InFlight   float64           // mean number in the system
	Window     time.Duration     // from the first measured answer to the last
	Answered   []int64           // per server, in the window
	Busy       []time.Duration   // per server, in the window
	Events     uint64            // handled by the simulator

	Picks   []int64 // per server, from the first request to the last
	History *check.History
	Strayed int // least_reported: picks that left the herd

	books *ledger
}

func (f *farm) result(now time.Duration, events uint64) Result {
	r := Result{
		Responses: f.response, InFlight: f.inFlight, Window: f.ended - f.began, Events: events,
		History: f.history(now), Strayed: f.strayed, books: &f.books,
	}
	var sum, squares float64 // of the batches' means
	for i, total := range f.batches {
		size := (i+1)*f.Requests/MinRequests - i*f.Requests/MinRequests
		mean := float64(total) / float64(size)
		sum, squares = sum+mean, squares+mean*mean
	}
	mean := sum / MinRequests
	r.Response = time.Duration(mean)
	r.Error = time.Duration(math.Sqrt(max(squares/MinRequests-mean*mean, 0) / (MinRequests - 1)))
	r.Throughput = float64(f.Requests) * float64(f.Service.Mean) / float64(r.Window)
	for i := range f.servers {
		s := &f.servers[i]
		r.Picks = append(r.Picks, s.picks)
		r.Answered = append(r.Answered, s.answered)
		r.Busy = append(r.Busy, s.busy)
	}
	return r
}

// balance closes the books at the end: what has not left yet counts with the
// time that it has been there.
func (f *farm) balance(now time.Duration) error {
	var area time.Duration
	var sent, done, inside int64
	spent := f.sojourn
	for i := range f.servers {
		s := &f.servers[i]
		st := s.meter.Stats(now)
		area += st.Area
		sent, done, inside = sent+s.picks, done+st.Completed, inside+st.InFlight
		for _, v := range s.visits[s.first:] {
			spent += now - v.Arrived
		}
	}
	switch {
	case sent != int64(f.sent) || done != int64(f.done) || sent != done+inside:
		return fmt.Errorf("simulation: %d requests sent, %d picked for, %d answered, %d counted, %d are inside",
			f.sent, sent, done, f.done, inside)
	case area != spent:
		return fmt.Errorf("simulation: area under the number in the servers %d ns, %d ns were spent in them", area, spent)
	}
	return nil
}

// history is what the checks of a trial judge: the servers' meters on one side,
// on the other what was sent and what the answers told, kept apart from them.
func (f *farm) history(now time.Duration) *check.History {
	h := &check.History{Policy: f.Policy, Asked: true, Service: f.Service.Mean, Elapsed: now}
	c := check.Client{Name: "the clients", Servers: make(map[string]check.Share, len(f.servers))}
	c.Counts.Add(record.Counts{Offered: int64(f.sent), Sent: int64(f.sent), OK: int64(f.done)})
	for i := range f.servers {
		s := &f.servers[i]
		st := s.meter.Stats(now)
		sh := check.Server{
			ID: s.member.ID, Instance: s.member.Instance, Capacity: s.member.Capacity, Picks: s.picks,
			Requests: st.Completed, InFlight: st.InFlight, Area: st.Area, Busy: st.Busy,
		}
		h.Servers = append(h.Servers, sh)
		if s.told.Sent > 0 {
			c.Servers[sh.Key()] = s.told
		}
	}
	h.Clients = []check.Client{c}
	return h
}

// Checks holds the simulation against what it promises.
func (r *Result) Checks() []record.Check { return r.History.Simulated(r.Strayed) }

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

// Evidence of a simulation has no processes: its time is virtual. It takes a
// while, which is not the simulation's.
func (r *Result) Evidence() *record.Evidence {
	d := load.DigestTimes(r.books.times)
	d.Window, d.Sent, d.Answered = int64(r.Window), d.Count, d.Count
	d.Area, d.Fringe = r.books.area, r.books.fringe
	return &record.Evidence{Spans: map[string]record.SpanDigest{load.DigestLatency: d}}
}
