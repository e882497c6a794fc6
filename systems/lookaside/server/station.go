package server

import (
	"context"
	"sync"
	"time"

	"dyno/bench/load"
	"dyno/bench/queue"
	"dyno/bench/queue/live"
	"dyno/systems/lookaside/core/service"
)

// maxWaiting bounds the requests in one server; more are refused.
const maxWaiting = 10_000

// station makes the service-time model real: a request that enters leaves when
// the model says so.
type station struct {
	*live.Station // its jobs are requests under way

	worker sync.Mutex // held by the request that is worked on

	mu      sync.Mutex // guards what follows, and entering
	queue   *queue.FCFS
	meter   service.Meter
	times   service.Latencies
	refused int64
}

// job is one request in the station.
type job struct {
	visit   service.Visit
	sojourn time.Duration // once left is closed
	left    chan struct{}
	givenUp bool // under mu: nobody waits for it any more
}

// newStation makes a station for a model that holds up to room requests besides
// the one that is served.
func newStation(q *queue.FCFS, room int) (*station, error) {
	a, err := load.NewAlarm()
	if err != nil {
		return nil, err
	}
	return &station{Station: live.New(room, a), queue: q}, nil
}

// enter takes a request in; nil when there is no room.
func (s *station) enter() *job {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Full() {
		s.refused++
		return nil
	}
	j := &job{visit: s.arrive(), left: make(chan struct{})}
	j.visit.Finish, j.visit.Service = s.queue.Arrive(j.visit.Arrived)
	s.Enter(j.visit.Finish, func() { s.leave(j) })
	return j
}

func (s *station) arrive() service.Visit {
	return service.Visit{Arrived: s.meter.Arrive(s.Now()), Found: s.meter.InFlight()}
}

// hold takes a request in and keeps it until nobody waits for it any more.
func (s *station) hold(ctx context.Context) error {
	s.mu.Lock()
	v := s.arrive()
	s.mu.Unlock()
	<-ctx.Done()
	s.mu.Lock()
	s.meter.Abandon(s.Now(), v)
	s.mu.Unlock()
	return ctx.Err()
}

// work takes a request in and does real work for it, one request at a time;
// nil when there is no room or nobody waits any more.
func (s *station) work(ctx context.Context, burn func()) *job {
	s.mu.Lock()
	if s.meter.InFlight() >= int64(s.Room()) {
		s.refused++
		s.mu.Unlock()
		return nil
	}
	j := &job{visit: s.arrive()}
	s.mu.Unlock()
	s.worker.Lock()
	begin := s.Now()
	given := ctx.Err() == nil
	if given {
		burn()
	}
	s.worker.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.Now()
	if !given {
		s.meter.Abandon(now, j.visit)
		return nil
	}
	j.visit.Service = now - begin
	j.sojourn = s.meter.Depart(now, j.visit)
	s.times.Add(j.visit.Found, j.sojourn)
	return j
}

// refuse counts a request that is turned away.
func (s *station) refuse() {
	s.mu.Lock()
	s.refused++
	s.mu.Unlock()
}

// abandon says that nobody waits for the job any more. It keeps its place in
// the queue, as in a server that does not watch its clients. It reports false
// when the job has left already.
func (s *station) abandon(j *job) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-j.left:
		return false
	default:
		j.givenUp = true
		return true
	}
}

func (s *station) leave(j *job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.Now(); j.givenUp {
		j.sojourn = s.meter.Abandon(now, j.visit)
	} else {
		j.sojourn = s.meter.Depart(now, j.visit)
		s.times.Add(j.visit.Found, j.sojourn)
	}
	close(j.left)
}

// probe returns the number of requests here, and how long one more must expect
// to be.
func (s *station) probe() (inFlight int64, latency time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.meter.InFlight()
	return n, s.times.Expect(n + 1)
}

// stats returns the counts as of now, and the time.
func (s *station) stats() (service.Stats, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.Now()
	st := s.meter.Stats(now)
	st.Abandoned += s.refused
	return st, now
}
