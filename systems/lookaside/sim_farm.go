package lookaside

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"dyno/bench/queue"

	"dyno/bench/sim"
	"dyno/systems/lookaside/balancer"
	"dyno/systems/lookaside/policy"
	"dyno/systems/lookaside/service"
)

// Tags of the farm's timers; from farmDepart on they are departures.
const (
	farmArrive uint64 = iota
	farmReport
	farmDepart
)

// simFarm is the node: balancer, servers and clients in one, so that a request
// costs two events.
type simFarm struct {
	Simulation
	env     *sim.Env
	core    *balancer.Balancer
	servers []simStation
	byID    map[string]int
	gap     float64 // mean time between two arrivals, in ns; open loop only

	sent, done int
	sojourn    time.Duration             // of all answers
	began      time.Duration             // of the measured window
	ended      time.Duration             // of the measured window
	batches    [simBatches]time.Duration // sums of response times
}

// simStation is one server.
type simStation struct {
	member   balancer.Member
	queue    *queue.FCFS
	meter    service.Meter
	visits   []service.Visit // those in the server are visits[first:]
	first    int
	sequence uint64
	picks    int64
}

// Init implements sim.Node.
func (f *simFarm) Init(env *sim.Env) {
	f.env = env
	p, err := policy.New(f.Policy)
	if err != nil {
		env.Fail(err)
		return
	}
	f.core = balancer.New(balancer.Config{
		Policy: p, Rand: f.stream(streamBalancer),
		Interval: cmp.Or(f.Interval, 10_000*time.Hour), // told at once, a report stays right until the next
	})
	f.servers, f.byID = make([]simStation, len(f.Capacities)), make(map[string]int, len(f.Capacities))
	rng, total := f.stream(streamService), 0.0
	for i, c := range f.Capacities {
		m := balancer.Member{ID: serverName(i), Instance: "1", Address: serverName(i), Capacity: c, Revision: int64(i + 1)}
		if err := f.core.Join(m); err != nil {
			env.Fail(err)
			return
		}
		f.servers[i] = simStation{member: m, queue: queue.NewFCFS(c, f.Service, rng)}
		f.byID[m.ID] = i
		total += c
	}
	f.reportAll()
	f.gap = float64(f.Service.Mean) / (f.Load * total)
	if f.Load > 0 {
		f.next()
		return
	}
	for range f.Clients {
		f.send()
	}
}

func (f *simFarm) stream(purpose uint64) *rand.Rand {
	return rand.New(rand.NewPCG(mix(f.Seed, purpose), purpose))
}

// Receive implements sim.Node; nobody sends anything.
func (f *simFarm) Receive(sim.ID, any) {}

// Timer implements sim.Node.
func (f *simFarm) Timer(tag uint64) {
	switch tag {
	case farmArrive:
		f.next()
		f.send()
	case farmReport:
		f.reportAll()
	default:
		f.depart(int(tag - farmDepart))
	}
}

// next draws when the next request of an open loop arrives.
func (f *simFarm) next() {
	f.env.SetTimer(time.Duration(f.env.Rand().ExpFloat64()*f.gap), farmArrive)
}

// send is one request: ask the balancer and go to the server that it names.
func (f *simFarm) send() {
	now := f.env.Now()
	pick, err := f.core.Pick(now)
	if err != nil {
		f.env.Fail(err)
		return
	}
	if f.sent == f.Warmup {
		f.began = now
	}
	f.sent++
	i := f.byID[pick.ID]
	s := &f.servers[i]
	s.picks++
	v := service.Visit{Arrived: s.meter.Arrive(now)}
	v.Finish, v.Service = s.queue.Arrive(now)
	s.visits = append(s.visits, v)
	f.env.SetTimer(v.Finish-now, farmDepart+uint64(i))
	f.changed(s)
}

func (f *simFarm) depart(i int) {
	s, now := &f.servers[i], f.env.Now()
	v := s.visits[s.first]
	if s.first++; 2*s.first >= len(s.visits) {
		s.visits, s.first = append(s.visits[:0], s.visits[s.first:]...), 0
	}
	f.count(s.meter.Depart(now, v), now)
	f.changed(s)
	if f.Clients > 0 && f.done < f.Warmup+f.Requests {
		f.send()
	}
}

// count adds an answer to its batch, and ends the run after the last one.
func (f *simFarm) count(response, now time.Duration) {
	if n := f.done - f.Warmup; n >= 0 && n < f.Requests {
		f.batches[n*simBatches/f.Requests] += response
	}
	f.sojourn += response
	if f.done++; f.done == f.Warmup {
		f.began = now
	} else if f.done == f.Warmup+f.Requests {
		f.ended = now
		f.env.Stop()
	}
}

// changed reports at once if there is no interval.
func (f *simFarm) changed(s *simStation) {
	if f.Interval == 0 {
		f.report(s)
	}
}

// reportAll has all servers report, and again after the interval.
func (f *simFarm) reportAll() {
	for i := range f.servers {
		f.report(&f.servers[i])
	}
	if f.Interval > 0 {
		f.env.SetTimer(f.Interval, farmReport)
	}
}

func (f *simFarm) report(s *simStation) {
	s.sequence++
	now := f.env.Now()
	err := f.core.Report(now, balancer.Report{
		ID: s.member.ID, Instance: s.member.Instance, Sequence: s.sequence, InFlight: s.meter.Stats(now).InFlight,
	})
	if err != nil {
		f.env.Fail(err)
	}
}

// balance closes the books at the end: what has not left yet counts with the
// time that it has been there.
func (f *simFarm) balance(now time.Duration) error {
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
		return fmt.Errorf("simulation: %d requests sent, %d picked for, %d answered, %d counted, %d are inside", f.sent, sent, done, f.done, inside)
	case area != spent:
		return fmt.Errorf("simulation: area under the number in the servers %d ns, %d ns were spent in them", area, spent)
	}
	return nil
}

func (f *simFarm) result(events uint64) SimulationResult {
	r := SimulationResult{Picks: make([]int64, len(f.servers)), Events: events}
	var sum, squares float64 // of the batches' means
	for i, total := range f.batches {
		size := (i+1)*f.Requests/simBatches - i*f.Requests/simBatches
		mean := float64(total) / float64(size)
		sum, squares = sum+mean, squares+mean*mean
	}
	mean := sum / simBatches
	r.Response = time.Duration(mean)
	r.Error = time.Duration(math.Sqrt(max(squares/simBatches-mean*mean, 0) / (simBatches - 1)))
	r.Throughput = float64(f.Requests) * float64(f.Service.Mean) / float64(f.ended-f.began)
	for i := range f.servers {
		r.Picks[i] = f.servers[i].picks
	}
	return r
}
