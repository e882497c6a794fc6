package echo

import (
	"context"
	"sync"
	"time"

	"dyno/bench/load"
	"dyno/bench/queue"
	"dyno/internal/rpc"
)

// maxWaiting bounds the requests in one server; more are refused.
const maxWaiting = 10_000

// stall is a stop of the world: from at on (since the first request) until
// length later the server does nothing at all, then it goes on where it was.
type stall struct{ at, length time.Duration }

// world is the time that the server has lived through at a real time.
func (s stall) world(real time.Duration) time.Duration {
	if real < s.at {
		return real
	}
	return max(s.at, real-s.length)
}

// real is when the server has lived through a time. What would be done at the
// stroke of the stall is done after it.
func (s stall) real(world time.Duration) time.Duration {
	if world < s.at {
		return world
	}
	return world + s.length
}

// station decides when each request may be answered: when the service-time
// model is done with it, and never during the stall. Requests leave in the
// order in which they came, so one alarm serves them all.
type station struct {
	stall stall
	alarm load.Alarm
	jobs  chan job

	mu    sync.Mutex // guards what follows, and sending to jobs
	queue *queue.FCFS
	began time.Time // the first request; zero before it
}

// job is a request that is not to be answered yet.
type job struct {
	leave time.Time
	left  chan struct{}
}

func newStation(s stall, q *queue.FCFS, a load.Alarm) *station {
	return &station{stall: s, alarm: a, jobs: make(chan job, maxWaiting), queue: q}
}

// pass returns when the request may be answered, or with an error when its
// context ends before or there is no room.
func (s *station) pass(ctx context.Context) error {
	j, err := s.enter()
	if err != nil || j.left == nil {
		return err
	}
	select {
	case <-j.left:
		return nil
	case <-ctx.Done(): // it keeps its place, as in a server that does not watch its clients
		return ctx.Err()
	}
}

// enter takes a request in. Its channel is nil when it may leave at once.
func (s *station) enter() (job, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.began.IsZero() {
		s.began = now
	}
	if len(s.jobs) == cap(s.jobs) {
		return job{}, rpc.Errorf(rpc.Refused, "%d requests are waiting", cap(s.jobs))
	}
	since := now.Sub(s.began)
	finish, _ := s.queue.Arrive(s.stall.world(since))
	leave := s.stall.real(finish)
	if leave <= since {
		return job{}, nil
	}
	j := job{leave: s.began.Add(leave), left: make(chan struct{})}
	s.jobs <- j // never blocks: this is the only sender, and there is room
	return j, nil
}

// run lets requests leave until the station is closed.
func (s *station) run(closed <-chan struct{}) {
	for {
		select {
		case <-closed:
			return
		case j := <-s.jobs:
			if s.alarm.Wait(time.Until(j.leave)) != nil {
				return // closed meanwhile
			}
			close(j.left)
		}
	}
}

// open runs the station until close is called.
func (s *station) open() (closeStation func()) {
	closed := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() { s.run(closed) })
	return func() {
		close(closed)
		s.alarm.Close()
		running.Wait()
	}
}
