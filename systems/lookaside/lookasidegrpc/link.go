package lookasidegrpc

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"dyno/internal/backoff"

	"google.golang.org/grpc/resolver"

	"dyno/internal/rpc"
	lookasidev1 "dyno/proto/lookaside/v1"
	"dyno/systems/lookaside/wait"
)

// link is a channel's side of the balancer: where it is, its list of servers,
// and the asks that it is sent.
type link struct {
	builder *Builder
	service string
	cc      resolver.ClientConn
	asker   *asker
	chooser *chooser // how this client chooses by itself
	where   wait.Latest[place]
	listed  atomic.Bool // a list has come, if only an old one

	ctx     context.Context // of everything below
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// place is where the balancer is, once it has been looked for.
type place struct {
	looked bool
	addr   string
}

func newLink(b *Builder, service string, cc resolver.ClientConn) *link {
	l := &link{builder: b, service: service, cc: cc, asker: newAsker(b.cfg.Reserve), chooser: newChooser(b.cfg)}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l
}

func (l *link) start() {
	l.running.Go(func() { l.builder.cfg.Find(l.ctx, l.service, l.found) })
	l.running.Go(l.run)
}

// close ends the link; calls that still ask are turned away.
func (l *link) close() {
	l.cancel()
	l.running.Wait()
	l.asker.shut(rpc.Errorf(rpc.Unavailable, "the channel to service %q is closed", l.service), false)
}

// found notes where the balancer is. When it is nowhere, the last place known is
// kept: it may have lost its lease only.
func (l *link) found(addr string) {
	if at, _ := l.where.Get(); addr != "" || at.addr == "" {
		l.where.Set(place{looked: true, addr: addr})
	}
}

// run keeps up a session with the balancer, wherever it is.
func (l *link) run() {
	var b backoff.Backoff
	for l.ctx.Err() == nil {
		at, moved := l.where.Get()
		switch {
		case !at.looked:
			await(l.ctx, moved)
		case at.addr == "":
			l.refuse(rpc.Errorf(rpc.Unavailable, "no balancer is announced for service %q", l.service))
			await(l.ctx, moved)
		default:
			err := l.session(at.addr, moved, &b)
			if l.ctx.Err() != nil {
				return
			}
			l.lost(err)
			b.Wait(l.ctx, moved)
		}
	}
}

func await(ctx context.Context, wake <-chan struct{}) {
	select {
	case <-wake:
	case <-ctx.Done():
	}
}

// lost tells callers that the balancer is away: they use its last list, and
// without one what it said, if it said something.
func (l *link) lost(err error) {
	switch {
	case l.listed.Load():
		l.asker.shut(err, true)
	case rpc.KindOf(err) != rpc.None:
		l.refuse(err)
	}
}

// refuse ends all calls with an error, until there is news.
func (l *link) refuse(err error) {
	l.asker.shut(err, false)
	l.cc.ReportError(err)
}

// session watches the list and asks until either stream breaks, or the balancer
// is somewhere else.
func (l *link) session(addr string, moved <-chan struct{}, b *backoff.Backoff) error {
	conn, err := l.builder.cfg.Dial(addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithCancel(l.ctx)
	defer cancel()
	lb := lookasidev1.NewBalancerServiceClient(conn)
	errs := make(chan error, 2)
	var streams sync.WaitGroup
	defer streams.Wait()
	defer cancel()
	streams.Go(func() { errs <- l.watch(ctx, lb, b) })
	if l.builder.cfg.Mode == Ask {
		streams.Go(func() { errs <- l.ask(ctx, cancel, lb) })
	} else {
		streams.Go(func() { errs <- l.tell(ctx, cancel, lb) })
	}
	select {
	case err := <-errs:
		return err
	case <-moved:
		return errMoved
	case <-l.ctx.Done():
		return l.ctx.Err()
	}
}

var errMoved = errors.New("the balancer is somewhere else now")

// ask opens the stream of asks and serves it.
func (l *link) ask(ctx context.Context, cancel context.CancelFunc, lb lookasidev1.BalancerServiceClient) error {
	stream, err := lb.PickMany(ctx)
	if err != nil {
		return err
	}
	l.asker.open()
	return l.asker.serve(ctx, cancel, stream)
}

// tell reports failures in mode List, and opens the stream for the first one.
func (l *link) tell(ctx context.Context, cancel context.CancelFunc, lb lookasidev1.BalancerServiceClient) error {
	await(ctx, l.asker.wake)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	l.asker.prod()
	return l.ask(ctx, cancel, lb)
}

// watch follows the list and hands it to the channel.
func (l *link) watch(ctx context.Context, lb lookasidev1.BalancerServiceClient, b *backoff.Backoff) error {
	stream, err := lb.Watch(ctx, &lookasidev1.WatchRequest{Service: l.service})
	if err != nil {
		return err
	}
	known := make(map[Server]*lookasidev1.Endpoint)
	for {
		resp, err := stream.Recv()
		if err != nil {
			return err
		}
		b.Reset()
		if resp.GetSnapshot() {
			clear(known)
		}
		for _, gone := range resp.GetGone() {
			maps.DeleteFunc(known, func(s Server, _ *lookasidev1.Endpoint) bool {
				return s.ID == gone.GetId() && s.Instance == gone.GetInstance()
			})
		}
		for _, e := range resp.GetChanged() {
			known[Server{ID: e.GetId(), Instance: e.GetInstance(), Address: e.GetAddress()}] = e
		}
		l.publish(known)
	}
}

// publish hands the list to the channel, in the order of registration.
func (l *link) publish(known map[Server]*lookasidev1.Endpoint) {
	list := slices.SortedFunc(maps.Values(known), func(a, b *lookasidev1.Endpoint) int {
		return cmp.Or(cmp.Compare(a.GetRevision(), b.GetRevision()), cmp.Compare(a.GetId(), b.GetId()))
	})
	state := resolver.State{Attributes: withLink(l), Endpoints: make([]resolver.Endpoint, len(list))}
	for i, e := range list {
		state.Endpoints[i] = resolver.Endpoint{Addresses: []resolver.Address{{Addr: e.GetAddress()}}, Attributes: withEntry(e)}
	}
	_ = l.cc.UpdateState(state) // an error asks for ResolveNow, and the list is always followed
	l.listed.Store(true)
}
