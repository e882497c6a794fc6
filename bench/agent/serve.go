package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"google.golang.org/grpc"

	"dyno/internal/rpc"
	agentv1 "dyno/proto/agent/v1"
	"dyno/systems"
)

// Idle is how long an agent lives without a heartbeat of its runner.
const Idle = 60 * time.Second

const (
	idleLook  = time.Second      // between two looks at that
	stopGrace = 12 * time.Second // for the roles of a trial to end, and their logs to be told
)

// Options says how an agent serves.
type Options struct {
	// Advertise is the address, without a port, on which roles listen and by which
	// other machines reach them.
	Advertise string
	// Lookup finds a system by its name; nil: there is none.
	Lookup func(name string) *systems.System
	// RPC says where the agent itself listens. With TLS only [NameRunner] may ask it.
	RPC rpc.Options
	// Logf receives one line at a time.
	Logf func(format string, args ...any)

	// Idle is how long it lives without a heartbeat; 0: [Idle].
	Idle time.Duration
}

// errIdle is why an agent ends that nobody attends.
var errIdle = errors.New("no runner has been heard of")

// Serve answers a runner until the context ends or nobody attends.
func Serve(ctx context.Context, o Options) error {
	if err := CheckAdvertise(o.Advertise); err != nil {
		return err
	}
	if o.Idle == 0 {
		o.Idle = Idle
	}
	echo, err := newEcho(o.Advertise)
	if err != nil {
		return err
	}
	defer echo.close()
	s := &server{opts: o, echo: echo, began: time.Now()}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go s.watch(ctx, cancel)
	o.RPC.TLS = forRunner(o.RPC.TLS)
	o.RPC.Grace, o.RPC.BeforeStop = stopGrace, func(ctx context.Context) { _ = s.endTrial(ctx) } // its processes end with this one
	err = rpc.Serve(ctx, o.RPC, func(r grpc.ServiceRegistrar) { agentv1.RegisterAgentServiceServer(r, s) })
	if cause := context.Cause(ctx); errors.Is(cause, errIdle) {
		return cause
	}
	return err
}

// CheckAdvertise refuses an address by which nobody can reach this machine.
func CheckAdvertise(host string) error {
	ip := net.ParseIP(host)
	switch {
	case ip == nil:
		return systems.Usagef("--advertise %q: give an IP address of this machine by which the others reach it", host)
	case ip.IsUnspecified():
		return systems.Usagef("--advertise %s: this is every address of this machine, and none by which another one reaches it: give one",
			host)
	}
	return nil
}

// server is the service.
type server struct {
	agentv1.UnimplementedAgentServiceServer
	opts     Options
	echo     *echo
	began    time.Time
	attended atomic.Int64 // when a heartbeat came last, nanoseconds since then: a wall clock may be set
	opening  sync.Mutex   // one trial takes the place of another at a time

	mu    sync.Mutex
	trial *trial // nil: none is open
	next  uint64
}

// watch ends the agent when it is idle.
func (s *server) watch(ctx context.Context, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(min(idleLook, s.opts.Idle))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if since := time.Since(s.began) - time.Duration(s.attended.Load()); since > s.opts.Idle {
			cancel(fmt.Errorf("%w for %v: this agent ends its roles and itself", errIdle, s.opts.Idle))
			return
		}
	}
}

// Attend implements agentv1.AgentServiceServer.
func (s *server) Attend(stream grpc.BidiStreamingServer[agentv1.AttendRequest, agentv1.AttendResponse]) error {
	for {
		beat, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		s.attended.Store(int64(time.Since(s.began)))
		if err := stream.Send(&agentv1.AttendResponse{Number: beat.GetNumber(), UnixNs: time.Now().UnixNano()}); err != nil {
			return err
		}
	}
}

// Describe implements agentv1.AgentServiceServer.
func (s *server) Describe(ctx context.Context, _ *agentv1.DescribeRequest) (*agentv1.DescribeResponse, error) {
	d := describe(ctx)
	d.Advertise, d.EchoAddress = s.opts.Advertise, s.echo.addr()
	return d, nil
}

// Reach implements agentv1.AgentServiceServer.
func (s *server) Reach(ctx context.Context, req *agentv1.ReachRequest) (*agentv1.ReachResponse, error) {
	out := new(agentv1.ReachResponse)
	for _, addr := range req.GetAddresses() {
		rtt, err := RoundTrip(ctx, addr)
		text := ""
		if err != nil {
			rtt, text = -1, err.Error()
		}
		out.RttNs, out.Errors = append(out.GetRttNs(), int64(rtt)), append(out.GetErrors(), text)
	}
	return out, nil
}

// Stdio is a listener with one connection: standard input and output. Its end is
// that of the context.
func Stdio(ctx context.Context, in, out *os.File) (context.Context, net.Listener) {
	// Else a write after the runner's end would kill this process before its roles have
	// ended and their folder is gone.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	ctx, cancel := context.WithCancelCause(ctx)
	l := &stdio{conns: make(chan net.Conn, 1), over: ctx.Done()}
	l.conns <- &stdioConn{in: in, out: out, end: func() { cancel(errHungUp) }}
	return ctx, l
}

// errHungUp is why an agent ends whose runner has gone.
var errHungUp = errors.New("standard input has ended: the runner is gone")
