package echo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"dyno/bench/load"
	"dyno/bench/queue"
	"dyno/bench/queue/live"
	"dyno/internal/rpc"
	echov1 "dyno/proto/echo/v1"
	"dyno/systems"
)

// service answers with what it was sent.
type service struct {
	echov1.UnimplementedEchoServiceServer
	station  *station // nil: every request is answered at once
	mutant   string   // what is wrong with some answers; empty or mutantNone: nothing
	answered atomic.Uint64
}

// Echo implements echov1.EchoServiceServer.
func (s *service) Echo(ctx context.Context, req *echov1.EchoRequest) (*echov1.EchoResponse, error) {
	if s.station != nil {
		if err := s.station.pass(ctx); err != nil {
			return nil, err
		}
	}
	resp := &echov1.EchoResponse{Payload: req.GetPayload(), Answered: s.answered.Add(1)}
	s.mutate(resp)
	return resp, nil
}

func (s *service) register(r grpc.ServiceRegistrar) { echov1.RegisterEchoServiceServer(r, s) }

func setupServer(fs systems.FlagSet) func(context.Context, systems.Shell) error {
	listen := fs.String("listen", "127.0.0.1:0", "HOST:PORT to serve on; port 0 takes a free one")
	stallAt := fs.Duration("stall-at", 0, "when to stop answering, counted from the first request")
	stallFor := fs.Duration("stall-for", 0, "for how long to answer nothing, before everything that came meanwhile is answered; 0: never")
	seed := fs.Uint64("seed", 1, "service times come from it")
	v := knobs.Bind(fs, knobServiceTime, knobDistribution, knobMutant)
	return func(ctx context.Context, sh systems.Shell) error {
		if *stallAt < 0 || *stallFor < 0 {
			return systems.Usagef("--stall-at %v --stall-for %v: neither may be negative", *stallAt, *stallFor)
		}
		srv := &service{mutant: v.Text(knobMutant)}
		if *stallFor > 0 || v.Duration(knobServiceTime) > 0 {
			var err error
			srv.station, err = exactStation(stall{at: *stallAt, length: *stallFor}, v, *seed)
			if err != nil {
				return err
			}
			defer srv.station.open()() // closed when all requests are answered or cut
		}
		ready := func(addr string) {
			fmt.Fprintf(sh.Err, "echo server listens on %s\n", addr)
			sh.Ready(addr)
		}
		return rpc.Serve(ctx, rpc.Options{Listen: *listen, Ready: ready}, srv.register)
	}
}

// exactStation keeps the model of the knobs as exactly as the machine can.
func exactStation(s stall, v systems.Values, seed uint64) (*station, error) {
	d, err := queue.NewDistribution(v.Text(knobDistribution), v.Duration(knobServiceTime))
	if err != nil {
		return nil, fmt.Errorf("echo server: %w", err)
	}
	a, err := load.NewAlarm()
	if err != nil {
		return nil, fmt.Errorf("echo server: %w", err)
	}
	return newStation(s, queue.NewFCFS(1, d, rand.New(rand.NewPCG(seed, streamService))), a), nil
}

// streamService keeps the service times apart from other draws of one seed.
const streamService = 1 << 40

// stallFits says whether a stall that begins at a third of the window ends in it.
func stallFits(length, stall time.Duration) bool { return stall <= length-length/3 }

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

// station decides when each request may be answered: when the service-time model is
// done with it, and never during the stall.
type station struct {
	*live.Station
	stall stall

	mu    sync.Mutex // guards what follows, and entering
	queue *queue.FCFS
	began time.Duration // when the first request came
	asked bool          // one came
}

func newStation(st stall, q *queue.FCFS, a load.Alarm) *station {
	return &station{Station: live.New(maxWaiting, a), stall: st, queue: q}
}

// pass returns when the request may be answered, or with an error when its
// context ends before or there is no room.
func (s *station) pass(ctx context.Context) error {
	left, err := s.enter()
	if err != nil || left == nil {
		return err
	}
	select {
	case <-left:
		return nil
	case <-ctx.Done(): // it keeps its place, as in a server that does not watch its clients
		return ctx.Err()
	}
}

// enter takes a request in, which leaves when the channel is closed; nil: at once.
func (s *station) enter() (left chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.Now()
	if !s.asked {
		s.began, s.asked = now, true
	}
	if s.Full() {
		return nil, rpc.Errorf(rpc.Refused, "%d requests are waiting", s.Room())
	}
	since := now - s.began
	finish, _ := s.queue.Arrive(s.stall.world(since))
	leave := s.stall.real(finish)
	if leave <= since {
		return nil, nil
	}
	left = make(chan struct{})
	s.Enter(s.began+leave, func() { close(left) })
	return left, nil
}

// open runs the station until close is called.
func (s *station) open() (closeStation func()) {
	var running sync.WaitGroup
	running.Go(s.Run)
	return func() {
		s.Close()
		running.Wait()
	}
}
