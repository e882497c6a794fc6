package simulator

import (
	"cmp"
	"math/rand/v2"
	"time"

	"dyno/bench/queue"
	"dyno/bench/sim"
	"dyno/internal/record"
	"dyno/systems/lookaside/check"
	"dyno/systems/lookaside/core/balancer"
	"dyno/systems/lookaside/core/policy"
	"dyno/systems/lookaside/core/seed"
	"dyno/systems/lookaside/core/service"
)

// Tags of the farm's timers; from farmDepart on they are departures.
const (
	farmArrive uint64 = iota
	farmReport
	farmDepart
)

// farm is the node: balancer, servers and clients in one, so that a request
// costs two events.
type farm struct {
	Simulation
	env     *sim.Env
	core    *balancer.Balancer
	shares  policy.Shares
	probes  []balancer.Pick // scratch
	servers []station
	byID    map[string]int
	gap     float64 // mean time between two arrivals, in ns; open loop only

	sent, done int
	over       bool
	sojourn    time.Duration              // of all answers
	began      time.Duration              // of the measured window
	ended      time.Duration              // of the measured window
	batches    [MinRequests]time.Duration // sums of response times
	response   *record.Histogram          // of the measured requests
	inFlight   float64                    // mean over the window
	books      ledger

	led     int // herd: who has got all since the last report, or -1
	strayed int // picks that went elsewhere
}

// station is one server.
type station struct {
	member   balancer.Member
	queue    *queue.FCFS
	meter    service.Meter
	visits   []service.Visit // those in the server are visits[first:]
	first    int
	sequence uint64
	picks    int64

	times    service.Latencies // kept where servers are probed
	told     check.Share       // of its requests, by the answers
	reported service.Stats     // as of the last report
	at       time.Duration     // of it
	began    service.Stats     // as of the window's beginning
	busy     time.Duration     // in the window
	answered int64             // in the window
}

// Init implements sim.Node.
func (f *farm) Init(env *sim.Env) {
	f.env = env
	maker, err := policy.Lookup(f.Policy)
	if err != nil {
		env.Fail(err)
		return
	}
	f.shares, f.response, f.led = maker.Shares, record.NewHistogram(), -1
	f.core = balancer.New(balancer.Config{
		Policy: maker.New(), Rand: f.stream(seed.Balancer),
		Interval: cmp.Or(f.Interval, 10_000*time.Hour), // told at once, a report stays right until the next
	})
	f.servers, f.byID = make([]station, len(f.Capacities)), make(map[string]int, len(f.Capacities))
	rng, total := f.stream(seed.Service), 0.0
	for i, c := range f.Capacities {
		m := balancer.Member{ID: ServerName(i), Instance: "1", Address: ServerName(i), Capacity: c, Revision: int64(i + 1)}
		if err := f.core.Join(m); err != nil {
			env.Fail(err)
			return
		}
		f.servers[i] = station{member: m, queue: queue.NewFCFS(c, f.Service, rng)}
		f.byID[m.ID] = i
		total += c
	}
	f.reportAll()
	f.books.open, f.books.times = f.Warmup == 0, make([]int64, 0, f.Requests)
	f.gap = float64(f.Service.Mean) / (f.Load * total)
	if f.Load > 0 {
		f.next()
		return
	}
	for range f.Clients {
		f.send()
	}
}

func (f *farm) stream(purpose uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed.Mix(f.Seed, purpose), purpose))
}

// Receive implements sim.Node; nobody sends anything.
func (f *farm) Receive(sim.ID, any) {}

// Timer implements sim.Node.
func (f *farm) Timer(tag uint64) {
	switch tag {
	case farmArrive:
		if f.closed() {
			return // what is under way is finished, and nothing comes any more
		}
		f.next()
		f.send()
	case farmReport:
		f.reportAll()
	default:
		f.depart(int(tag - farmDepart))
	}
}

// next draws when the next request of an open loop arrives.
func (f *farm) next() {
	f.env.SetTimer(time.Duration(f.env.Rand().ExpFloat64()*f.gap), farmArrive)
}

// send is one request: ask the balancer and go to the server that it names.
func (f *farm) send() {
	now := f.env.Now()
	pick, err := f.core.Pick(now)
	if err != nil {
		f.env.Fail(err)
		return
	}
	f.sent++
	f.books.arrive(now)
	i := f.byID[pick.ID]
	s := &f.servers[i]
	s.picks++
	s.told.Sent++
	f.follow(i)
	v := service.Visit{Arrived: s.meter.Arrive(now)}
	v.Found = s.meter.InFlight()
	v.Finish, v.Service = s.queue.Arrive(now)
	s.visits = append(s.visits, v)
	f.env.SetTimer(v.Finish-now, farmDepart+uint64(i))
	f.changed(s)
	f.probe(now)
}

// follow notes where the herd is, if the policy is one that makes herds: all
// picks between two reports go to one server.
func (f *farm) follow(picked int) {
	if f.shares != policy.Stale {
		return
	}
	if f.led < 0 {
		f.led = picked
	} else if f.led != picked {
		f.strayed++
	}
}

// probe carries out the probes that the policy asked for.
func (f *farm) probe(now time.Duration) {
	if f.shares != policy.Probed {
		return
	}
	f.probes = f.core.Probes(f.probes[:0])
	for _, p := range f.probes {
		s := &f.servers[f.byID[p.ID]]
		n := s.meter.InFlight()
		err := f.core.Probed(now, balancer.Probe{ID: p.ID, Instance: p.Instance, InFlight: n, Latency: s.times.Expect(n + 1)})
		if err != nil {
			f.env.Fail(err)
		}
	}
}

func (f *farm) depart(i int) {
	s, now := &f.servers[i], f.env.Now()
	v := s.visits[s.first]
	if s.first++; 2*s.first >= len(s.visits) {
		s.visits, s.first = append(s.visits[:0], s.visits[s.first:]...), 0
	}
	sojourn := s.meter.Depart(now, v)
	f.books.depart(now, v.Arrived)
	s.told.OK++
	s.told.Sojourn += now - v.Arrived
	if f.shares == policy.Probed {
		s.times.Add(v.Found, sojourn)
	}
	f.count(sojourn, now)
	f.changed(s)
	switch {
	case f.closed() && f.done == f.sent:
		f.over = true
		f.env.Stop()
	case f.Clients > 0 && !f.closed():
		f.send()
	}
}

// closed says that all measured requests are answered.
func (f *farm) closed() bool { return f.done >= f.Warmup+f.Requests }

// count adds an answer to its batch, and opens and closes the window.
func (f *farm) count(response, now time.Duration) {
	if n := f.done - f.Warmup; n >= 0 && n < f.Requests {
		f.batches[n*MinRequests/f.Requests] += response
		f.response.Record(response)
	}
	f.sojourn += response
	if f.done++; f.done == f.Warmup {
		f.open(now)
	} else if f.done == f.Warmup+f.Requests {
		f.close(now)
	}
}

// open begins the window.
func (f *farm) open(now time.Duration) {
	f.began = now
	f.books.begin(now)
	for i := range f.servers {
		f.servers[i].began = f.servers[i].meter.Stats(now)
	}
}

// close ends the window.
func (f *farm) close(now time.Duration) {
	f.ended = now
	f.books.end(now, f.servers)
	for i := range f.servers {
		s := &f.servers[i]
		st := s.meter.Stats(now)
		s.busy, s.answered = st.Occupied-s.began.Occupied, st.Completed-s.began.Completed
		f.inFlight += float64(st.Area-s.began.Area) / float64(f.ended-f.began)
	}
}

// changed reports at once if there is no interval.
func (f *farm) changed(s *station) {
	if f.Interval == 0 {
		f.report(s)
	}
}

// reportAll has all servers report, and again after the interval.
func (f *farm) reportAll() {
	for i := range f.servers {
		f.report(&f.servers[i])
	}
	f.led = -1
	if f.Interval > 0 {
		f.env.SetTimer(f.Interval, farmReport)
	}
}

// report is what a server says. Rates are over the time since the last one, so
// there are none where every change is reported at once.
func (f *farm) report(s *station) {
	s.sequence++
	now := f.env.Now()
	st := s.meter.Stats(now)
	rep := balancer.Report{ID: s.member.ID, Instance: s.member.Instance, Sequence: s.sequence, InFlight: st.InFlight}
	done := st.Completed - s.reported.Completed
	if done > 0 {
		rep.Latency = min((st.Sojourn-s.reported.Sojourn)/time.Duration(done), balancer.MaxLatency)
	}
	if dt := (now - s.at).Seconds(); f.Interval > 0 && dt > 0 {
		rep.QPS, rep.Utilization = float64(done)/dt, (st.Occupied-s.reported.Occupied).Seconds()/dt
	}
	s.reported, s.at = st, now
	if err := f.core.Report(now, rep); err != nil {
		f.env.Fail(err)
	}
}
