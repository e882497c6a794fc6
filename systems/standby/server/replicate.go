package server

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	grpcbackoff "google.golang.org/grpc/backoff"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/protobuf/proto"

	"dyno/internal/backoff"
	"dyno/internal/rpc"
	standbyv1 "dyno/proto/standby/v1"
	"dyno/systems/standby/core"
)

// outgoing is what this server tells the other one when it leads: a stream,
// opened when there is something to say, and again when it broke. What cannot be
// sent is dropped: the core notices.
type outgoing struct {
	server         *server
	conn           *grpc.ClientConn
	client         standbyv1.ReplicationServiceClient
	wake           chan struct{}
	bytes, batches atomic.Uint64

	mu    sync.Mutex
	queue []*core.Message
	size  int // entries and messages in it
}

// maxQueue bounds what waits to be sent, in messages and entries.
const maxQueue = 64 << 10

// reconnect is how long a connection that broke is left alone: a failover must
// not wait for it.
var reconnect = grpc.WithConnectParams(grpc.ConnectParams{
	Backoff:           grpcbackoff.Config{BaseDelay: 5 * time.Millisecond, Multiplier: 1.5, Jitter: 0.2, MaxDelay: 50 * time.Millisecond},
	MinConnectTimeout: 500 * time.Millisecond,
})

func newOutgoing(s *server) (*outgoing, error) {
	conn, err := rpc.Dial(s.config.Peer, reconnect, grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: time.Minute}))
	if err != nil {
		return nil, err
	}
	return &outgoing{server: s, conn: conn, client: standbyv1.NewReplicationServiceClient(conn), wake: make(chan struct{}, 1)}, nil
}

// add has a message sent soon. Actions that follow each other travel together.
func (o *outgoing) add(m *core.Message) {
	o.mu.Lock()
	if o.size < maxQueue {
		o.queue = append(o.queue, m)
		o.size += 1 + len(m.Entries)
	}
	o.mu.Unlock()
	signal(o.wake)
}

// take takes what is to be sent.
func (o *outgoing) take() []*core.Message {
	o.mu.Lock()
	defer o.mu.Unlock()
	queue := o.queue
	o.queue, o.size = nil, 0
	if o.server.config.OneByOne {
		return queue
	}
	return merge(queue)
}

// merge puts actions together that follow each other.
func merge(queue []*core.Message) []*core.Message {
	all := queue[:0]
	for _, m := range queue {
		if n := len(all); n > 0 && m.Kind == core.Append && all[n-1].Kind == core.Append && m.Epoch == all[n-1].Epoch &&
			m.Previous == all[n-1].Previous+uint64(len(all[n-1].Entries)) {
			last := all[n-1]
			last.Entries = append(last.Entries, m.Entries...)
			last.Action, last.Paired = m.Action, m.Paired
			continue
		}
		all = append(all, m)
	}
	return all
}

// run sends until the server is closed.
func (o *outgoing) run() {
	ctx := o.server.ctx
	for ctx.Err() == nil {
		select {
		case <-o.wake:
		case <-ctx.Done():
			return
		}
		signal(o.wake) // what woke it is still to be sent
		o.session(ctx)
	}
}

// unreachedFor is how long another server is left alone that could not be
// reached.
const unreachedFor = 5 * time.Millisecond

// pause drops what could not be sent, after a time: there is always more to be
// said, and trying without end would leave no processor for clients.
func (o *outgoing) pause(ctx context.Context) {
	_ = backoff.Sleep(ctx, unreachedFor)
	select {
	case <-o.wake:
	default:
	}
	o.take()
}

// session opens a stream and sends until it breaks.
func (o *outgoing) session(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if o.server.config.OneByOne {
		o.oneByOne(ctx)
		return
	}
	stream, err := o.client.Replicate(ctx)
	if err != nil {
		o.pause(ctx)
		return
	}
	broken := make(chan struct{})
	o.server.running.Go(func() {
		defer close(broken)
		for {
			r, err := stream.Recv()
			if err != nil || o.server.step(fromResponse(r)) != nil {
				return
			}
		}
	})
	for {
		select {
		case <-o.wake:
		case <-broken:
			return
		case <-ctx.Done():
			return
		}
		runtime.Gosched() // who was just answered has more to ask
		for _, m := range o.take() {
			r := o.request(m)
			if stream.Send(r) != nil {
				return
			}
		}
	}
}

// request is a message that is about to be sent.
func (o *outgoing) request(m *core.Message) *standbyv1.ReplicateRequest {
	r := requestOf(m)
	o.bytes.Add(uint64(proto.Size(r)))
	if len(m.Entries) > 0 {
		o.batches.Add(1)
	}
	return r
}

// answers go back to the server that leads, on the stream from which it was
// heard last.
type answers struct {
	mu      sync.Mutex
	wake    chan struct{} // of that stream; nil: none yet
	last    []*core.Message
	waiting map[*core.Message]chan *core.Message // of calls, by what was told
	reached chan struct{}                        // closed and replaced when action grows
	action  uint64                               // that this server has
}

// add has a position sent soon; one that says nothing but how far this server is
// replaces another one.
func (a *answers) add(m *core.Message) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.waiting) > 0 {
		a.hand(m)
		return
	}
	if n := len(a.last); n > 0 && plain(m) && plain(a.last[n-1]) && a.last[n-1].Epoch == m.Epoch {
		a.last[n-1] = m
	} else if n < maxQueue {
		a.last = append(a.last, m)
	}
	signal(a.wake)
}

func plain(m *core.Message) bool {
	return !m.Gap && !m.Agreed && !m.Snapshot && !m.Refuses && m.Cut == 0
}

func (a *answers) take() []*core.Message {
	a.mu.Lock()
	defer a.mu.Unlock()
	last := a.last
	a.last = nil
	return last
}

// direct says on which stream the leading server is heard.
func (a *answers) direct(wake chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.wake = wake
}

// Replicate implements standbyv1.ReplicationServiceServer.
func (s *server) Replicate(stream standbyv1.ReplicationService_ReplicateServer) error {
	wake, over, sent := make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(sent)
		s.answer(stream, wake, over)
	}()
	defer func() { close(over); <-sent }()
	return s.untilClosed(func() error {
		r, err := stream.Recv()
		if err != nil {
			return err
		}
		m := fromRequest(r)
		if m == nil {
			return rpc.Errorf(rpc.Invalid, "a message that says nothing")
		}
		s.back.direct(wake)
		return s.step(m)
	})
}

// untilClosed does something again and again, until it fails or the server is
// closed: then its stream ends, and with it what waits for more of it.
func (s *server) untilClosed(do func() error) error {
	failed := make(chan error, 1)
	go func() {
		for {
			if err := do(); err != nil {
				failed <- err
				return
			}
		}
	}()
	select {
	case err := <-failed:
		return err
	case <-s.ctx.Done():
		return rpc.Errorf(rpc.Unavailable, "the server stops")
	}
}

// answer sends positions on a stream.
func (s *server) answer(stream standbyv1.ReplicationService_ReplicateServer, wake, over chan struct{}) {
	for {
		select {
		case <-wake:
		case <-over:
			return
		}
		for _, m := range s.back.take() {
			if stream.Send(responseOf(m)) != nil {
				return
			}
		}
	}
}
