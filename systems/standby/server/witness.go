package server

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"dyno/internal/node/host"
	"dyno/internal/rpc"
	standbyv1 "dyno/proto/standby/v1"
	"dyno/systems/standby/core"
)

// witness is the shell around the witness's core.
type witness struct {
	standbyv1.UnimplementedWitnessServiceServer
	host    *host.Host[core.Ask, core.Answer]
	waiting host.Waiters[question, core.Granted]
}

// question tells answers apart.
type question struct {
	server   string
	sequence uint64
}

// openWitness recovers a witness from its folder.
func openWitness(dir string) (*witness, error) {
	w := &witness{}
	var err error
	opt := host.Options[core.Answer]{
		Dir:     dir,
		Send:    func(a core.Answer) { w.waiting.Tell(question{a.To, a.Sequence}, a.Granted) },
		Compact: 0, // a record for each failover
	}
	opt.Journal.Identity, opt.Journal.Segment = "standby witness", 64<<10
	w.host, _, err = host.Open(core.NewWitness(core.WitnessMutant{}), opt)
	return w, err
}

func (w *witness) register(r grpc.ServiceRegistrar) { standbyv1.RegisterWitnessServiceServer(r, w) }

// Grant implements standbyv1.WitnessServiceServer.
func (w *witness) Grant(ctx context.Context, r *standbyv1.GrantRequest) (*standbyv1.GrantResponse, error) {
	lease := time.Duration(r.GetLeaseUs()) * time.Microsecond
	if r.GetServer() == "" || lease <= 0 || lease > maxLease {
		return nil, rpc.Errorf(rpc.Invalid, "server %q asks for a lease of %v: want a name, and at most %v", r.GetServer(), lease, maxLease)
	}
	q := question{r.GetServer(), r.GetSequence()}
	g, err := w.waiting.Await(ctx, q, func() error {
		return w.host.Step(core.Ask{
			Server: q.server, Sequence: q.sequence, Epoch: r.GetEpoch(), Above: r.GetAbove(), Alone: r.GetAlone(), Lease: lease,
		})
	})
	if err != nil {
		return nil, err
	}
	return &standbyv1.GrantResponse{
		Granted: g.Granted, Epoch: g.Epoch, Holder: g.Holder, Alone: g.Alone, WaitUs: g.Wait.Microseconds(),
	}, nil
}

// witnessClient asks the witness for a server.
type witnessClient struct {
	server *server
	conn   *grpc.ClientConn
	client standbyv1.WitnessServiceClient
	asking atomic.Int32
}

// maxAsking bounds the questions under way: a witness that does not answer.
const maxAsking = 16

func newWitnessClient(s *server) (*witnessClient, error) {
	conn, err := rpc.Dial(s.config.Witness, reconnect)
	if err != nil {
		return nil, err
	}
	return &witnessClient{server: s, conn: conn, client: standbyv1.NewWitnessServiceClient(conn)}, nil
}

// ask asks, and has the core told what the answer is.
func (w *witnessClient) ask(a core.Ask) {
	if w.asking.Add(1) > maxAsking {
		w.asking.Add(-1)
		return
	}
	s := w.server
	s.running.Go(func() {
		defer w.asking.Add(-1)
		<-s.opened
		ctx, cancel := context.WithTimeout(s.ctx, a.Lease)
		defer cancel()
		g, err := w.client.Grant(ctx, &standbyv1.GrantRequest{
			Server: a.Server, Sequence: a.Sequence, Epoch: a.Epoch, Above: a.Above, Alone: a.Alone, LeaseUs: a.Lease.Microseconds(),
		})
		if err != nil {
			return // the core asks again
		}
		_ = s.step(core.Granted{ // after a failure the process ends
			Sequence: a.Sequence, Granted: g.GetGranted(), Epoch: g.GetEpoch(), Holder: g.GetHolder(), Alone: g.GetAlone(),
			Wait: time.Duration(g.GetWaitUs()) * time.Microsecond,
		})
	})
}

func (w *witnessClient) close() error { return w.conn.Close() }

// fence keeps what a primary has said from leaving after its right to say it is
// over. Between the core's decision and the socket lie queues and goroutines; a
// process that is stopped among them would send, when it goes on, what was true
// before. So every connection asks again at the very write, and one that may
// hold an answer which is late is closed instead: its client asks again.
type fence struct {
	now   func() time.Duration
	until atomic.Int64 // the latest end of the right to any answer that was given; 0: none was
}

// said notes an answer.
func (f *fence) said(until time.Duration) {
	for {
		old := f.until.Load()
		if int64(until) <= old || f.until.CompareAndSwap(old, int64(until)) {
			return
		}
	}
}

// fencedListener hands out connections behind a fence.
type fencedListener struct {
	net.Listener
	fence *fence
}

// Accept implements net.Listener.
func (l fencedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &fencedConn{Conn: c, fence: l.fence, settled: l.fence.until.Load()}, nil
}

type fencedConn struct {
	net.Conn
	fence   *fence
	settled int64 // answers up to here are not of this connection
}

var errLate = errors.New("standby: the lease is over: what was to be said may not be true any more")

// Write implements net.Conn.
func (c *fencedConn) Write(b []byte) (int, error) {
	if until := c.fence.until.Load(); until > c.settled && int64(c.fence.now()) >= until {
		return 0, errors.Join(errLate, c.Close())
	}
	return c.Conn.Write(b)
}
