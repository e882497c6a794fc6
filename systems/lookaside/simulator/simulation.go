// Package simulator runs the cores of balancer and servers in virtual time:
// for theory and for thousands of servers ([Simulation]), and in its tests as
// the world in which schedules of faults are hunted that break them.
package simulator

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"dyno/bench/load"
	"dyno/bench/queue"
	"dyno/bench/sim"
	"dyno/internal/record"
	"dyno/systems/lookaside/check"
	"dyno/systems/lookaside/core/balancer"
	"dyno/systems/lookaside/core/policy"
)

// Simulation is the balancer's core and the servers' queues in virtual time,
// on one heap of events, with a network that takes no time: what it measures
// is the policy. The cores are those that run behind gRPC; the hunt for faults
// runs them with a network that loses messages.
//
// Exactly one of Load and Clients must be above 0.
type Simulation struct {
	Policy     string             // as on the command line; required
	Capacities []float64          // of the servers, relative to a normal one; at least one
	Service    queue.Distribution // on a server of capacity 1; required, with a mean above 0

	// Load is the utilisation, above 0 and below 1, of an open loop: Poisson
	// arrivals at Load times what all servers can do.
	Load float64
	// Clients is the number of clients of a closed loop, each with one request
	// at a time and no pause in between.
	Clients int

	// Interval is the time between two reports, which all servers send at its
	// multiples. 0: they report whatever changes at once.
	Interval time.Duration

	Warmup   int // requests before the measured ones
	Requests int // measured; at least [MinRequests]
	Seed     uint64
}

// MinRequests is how many batches the measured requests are cut into: enough
// for a standard error that is itself within about 12 %, few enough for the
// batches to be independent of each other.
const MinRequests = 32

// slice is about how many requests are simulated between two looks at the
// context.
const slice = 100_000

// Run plays the simulation to its end, unless the context ends first. The same Simulation gives the same
// result. It is an error if a field is out of range, and if the books do not
// balance in the end: each request answered once, and at each server the area
// under the number in it equal to the sum of the times spent in it.
func (s Simulation) Run(ctx context.Context) (Result, error) {
	if err := s.check(); err != nil {
		return Result{}, err
	}
	w, err := sim.New(sim.Config{Seed: s.Seed, Limits: sim.Limits{Events: math.MaxInt, Time: 10_000 * time.Hour}})
	if err != nil {
		return Result{}, err
	}
	f := &farm{Simulation: s}
	w.Add("farm", func() sim.Node { return f })
	// In slices, so that it ends soon after the context does.
	slice := time.Duration(slice * float64(s.Service.Mean) / float64(len(s.Capacities)))
	for end := slice; !f.over; end += slice {
		if err := ctx.Err(); err != nil {
			return Result{}, err
		}
		if err := w.RunUntil(end); err != nil {
			return Result{}, err
		}
	}
	if err := f.balance(w.Now()); err != nil {
		return Result{}, err
	}
	return f.result(w.Now(), w.Stats().Events), nil
}

func (s Simulation) check() error {
	if _, err := policy.Lookup(s.Policy); err != nil {
		return err
	}
	switch {
	case len(s.Capacities) == 0 || len(s.Capacities) > balancer.MaxServers:
		return fmt.Errorf("simulation: %d servers, want 1 to %d", len(s.Capacities), balancer.MaxServers)
	case s.Service.Mean <= 0:
		return errors.New("simulation: Service has no mean above 0")
	case (s.Load > 0) == (s.Clients > 0) || s.Clients < 0 || !(s.Load >= 0 && s.Load < 1):
		return fmt.Errorf("simulation: Load is %v and Clients is %d, want one of them above 0, and Load below 1", s.Load, s.Clients)
	case s.Interval < 0 || s.Warmup < 0 || s.Requests < MinRequests:
		return fmt.Errorf("simulation: Interval %v and Warmup %d must not be negative, Requests %d at least %d",
			s.Interval, s.Warmup, s.Requests, MinRequests)
	}
	return nil
}

// ServerName names servers in the order in which they register, from s1.
func ServerName(i int) string { return "s" + strconv.Itoa(i+1) }

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
