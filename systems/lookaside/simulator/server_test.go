package simulator

import (
	"fmt"
	"math/rand/v2"
	"time"

	"dyno/internal/backoff"

	"dyno/bench/queue"
	"dyno/bench/sim"
	lookasidev1 "dyno/proto/lookaside/v1"
	"dyno/systems/lookaside/check"
	"dyno/systems/lookaside/core/balancer"
	"dyno/systems/lookaside/core/seed"
	"dyno/systems/lookaside/core/service"
	"dyno/systems/lookaside/directory"
	"dyno/systems/lookaside/server"
)

// What servers hear and say. Addresses name one life of a process.
type (
	simCompute struct {
		number uint64 // of the attempt, among its client's
		to     string // the instance
		until  time.Duration
		req    *lookasidev1.ComputeRequest
	}
	simAnswer struct {
		number uint64
		resp   *lookasidev1.ComputeResponse
	}
	simRegister struct {
		to  string
		req *lookasidev1.RegisterRequest
	}
	simRegistered struct {
		by  string
		err error
	}
	simReport struct {
		to  string
		rep balancer.Report
	}
	simReportEnded struct { // the stream of reports
		by  string
		err error
	}
)

func (m simCompute) String() string { return fmt.Sprintf("compute %d on %s", m.number, m.to) }
func (m simAnswer) String() string  { return fmt.Sprintf("answer %d: %x", m.number, m.resp.GetDigest()) }

func (m simRegister) String() string    { return fmt.Sprintf("register at %d", m.req.GetRevision()) }
func (m simRegistered) String() string  { return fmt.Sprintf("registered by %s: %v", m.by, m.err) }
func (m simReportEnded) String() string { return fmt.Sprintf("report ended by %s: %v", m.by, m.err) }

func (m simReport) String() string {
	return fmt.Sprintf("report %d: %d in flight, draining %v", m.rep.Sequence, m.rep.InFlight, m.rep.Draining)
}

// simServer is one life of a server.
type simServer struct {
	world        *simWorld
	env          *sim.Env
	id, instance string
	drainAt      time.Duration // 0: never
	announcer    simAnnouncer
	lb           simWatch
	address      string // of the balancer
	revision     int64
	retry        backoff.Backoff
	session      uint64
	registering  bool
	reporting    bool
	draining     bool

	queue    *queue.FCFS
	meter    service.Meter
	jobs     []simJob
	seen     map[simAttempt]bool
	seenAt   time.Duration // when this life last did anything
	sequence uint64
	last     service.Stats
	lastAt   time.Duration
}

type simAttempt struct {
	client sim.ID
	number uint64
}

type simJob struct {
	simAttempt
	simCompute
	visit service.Visit
}

func (s *simServer) Init(env *sim.Env) {
	s.env, s.instance = env, fmt.Sprintf("%s.%08x", s.id, env.Rand().Uint32())
	s.seen, s.retry.Rand, s.seenAt = map[simAttempt]bool{}, env.Rand(), env.Now()
	s.queue = queue.NewFCFS(1, s.world.service, rand.New(rand.NewPCG(env.Rand().Uint64(), seed.Service)))
	s.world.lives = append(s.world.lives, s)
	s.world.byInstance[s.instance] = s
	s.announcer = simAnnouncer{env: env, mutant: s.world.mutant, held: func(revision int64) { s.revision = revision; s.open() }, put: simPut{
		key: simServers + s.id + "/" + s.instance, followed: simServers, value: directory.Value{Address: s.instance, Capacity: 1},
	}}
	s.announcer.start()
	s.lb = simWatch{env: env, prefix: simBalancers}
	s.lb.ask()
	if s.drainAt > env.Now() {
		env.SetTimer(s.drainAt-env.Now(), simTagDrain)
	}
}

func (s *simServer) Receive(from sim.ID, msg any) {
	s.seenAt = s.env.Now()
	switch m := msg.(type) {
	case simHeld, simRenewed, simRevoked:
		s.announcer.receive(m)
	case simListing:
		if s.lb.news(m) {
			if to := simBalancerAddress(m, s.address); to != s.address {
				s.address = to
				s.open()
			}
		}
	case simRegistered:
		if s.registering && m.by == s.address {
			s.registered(m.err)
		}
	case simReportEnded:
		if s.reporting && m.by == s.address {
			s.broken()
		}
	case simCompute:
		s.compute(from, m)
	}
}

func (s *simServer) Timer(tag uint64) {
	s.seenAt = s.env.Now()
	switch number := tag >> 8; tag & 0xff {
	case simTagFollow:
		s.lb.ask()
	case simTagPut, simTagRenew, simTagGiveUp, simTagRetry:
		s.announcer.timer(tag)
	case simTagSession:
		if number == s.session && !s.reporting {
			s.open()
		}
	case simTagReport:
		if number == s.session && s.reporting && !s.draining {
			s.report(false)
		}
	case simTagDrain:
		s.drain()
	case simTagDepart:
		s.depart()
	}
}

// open begins a session with the balancer, as reporter.session does.
func (s *simServer) open() {
	s.session++
	s.registering, s.reporting = false, false
	if s.address == "" || s.revision == 0 || s.draining {
		return
	}
	s.registering = true
	s.env.Send(simBalancerID, simRegister{s.address, &lookasidev1.RegisterRequest{
		Id: s.id, Instance: s.instance, Address: s.instance, Capacity: 1, Revision: s.revision,
	}})
	s.env.SetTimer(server.RegisterTimeout, simTag(simTagSession, s.session))
}

func (s *simServer) registered(err error) {
	if err != nil {
		s.broken()
		return
	}
	s.registering, s.reporting = false, true
	s.retry.Reset()
	s.report(false)
}

// broken ends a session; the next one follows after a while.
func (s *simServer) broken() {
	s.session++
	s.registering, s.reporting = false, false
	s.env.SetTimer(s.retry.Next(), simTag(simTagSession, s.session))
}

func (s *simServer) report(draining bool) {
	now := s.env.Now()
	st, seconds := s.meter.Stats(now), max((now-s.lastAt).Seconds(), 1e-6)
	s.sequence++
	s.env.Send(simBalancerID, simReport{s.address, balancer.Report{
		ID: s.id, Instance: s.instance, Sequence: s.sequence, InFlight: st.InFlight, Draining: draining,
		EPS: float64(st.Abandoned-s.last.Abandoned) / seconds,
	}})
	s.last, s.lastAt = st, now
	s.env.SetTimer(simInterval-now%simInterval, simTag(simTagReport, s.session))
}

func (s *simServer) drain() {
	s.draining = true
	if s.reporting {
		s.report(true)
	}
	s.announcer.stop(s.world.Seed()%2 == 0)
}

// compute takes an attempt in; one that comes twice is one.
func (s *simServer) compute(from sim.ID, m simCompute) {
	key := simAttempt{from, m.number}
	if m.to != s.instance || s.seen[key] {
		return
	}
	s.seen[key] = true
	v := service.Visit{Arrived: s.meter.Arrive(s.env.Now())}
	v.Finish, v.Service = s.queue.Arrive(v.Arrived)
	s.jobs = append(s.jobs, simJob{key, m, v})
	s.env.SetTimer(v.Finish-s.env.Now(), simTagDepart)
}

// depart answers the first in the queue, unless its client's time is up.
func (s *simServer) depart() {
	j, now := s.jobs[0], s.env.Now()
	s.jobs = s.jobs[1:]
	if now >= j.until {
		s.meter.Abandon(now, j.visit)
		return
	}
	sojourn := s.meter.Depart(now, j.visit)
	s.env.Send(j.client, simAnswer{j.simAttempt.number, &lookasidev1.ComputeResponse{
		Digest: service.Hash(j.req.GetSeed(), j.req.GetRounds()), Id: s.id, Instance: s.instance,
		ServiceNs: int64(j.visit.Service), SojournNs: int64(sojourn),
	}})
}

func (s *simServer) history() check.Server {
	st := s.meter.Stats(s.world.Now())
	_, live := s.world.Node(s.env.ID()).(*simServer)
	return check.Server{
		ID: s.id, Instance: s.instance, Capacity: 1, Lost: !live || s.world.Node(s.env.ID()) != sim.Node(s),
		Requests: st.Completed, Abandoned: st.Abandoned, InFlight: st.InFlight,
		Area: st.Area, Busy: st.Busy, Oversleep: st.Oversleep,
	}
}
