package server

import (
	"context"
	"errors"
	"sync"
	"time"

	"google.golang.org/grpc"

	"dyno/internal/backoff"
	"dyno/internal/rpc"
	branchbankv1 "dyno/proto/branchbank/v1"
	"dyno/systems/branchbank/core/branch"
)

const (
	// queued bounds the messages that wait for a stream.
	queued = 256
	// reopenAfter is the wait after a stream has ended.
	reopenAfter = 50 * time.Millisecond
)

// streamLink carries messages over the one stream that two branches have with
// each other. The branch with the lower id opens it, again and again; or, if it is
// lazy, whoever first has something to send.
type streamLink struct {
	*peer
	lazy  bool
	queue chan branch.Message

	mu      sync.Mutex
	replace context.CancelCauseFunc // ends the stream that the other side opened; nil: there is none
	calling bool                    // this side keeps one open
}

// pipe is one side of a stream.
type pipe interface {
	send(*branchbankv1.Message) error
	receive() (*branchbankv1.Message, error)
}

func newStreamLink(p *peer, lazy bool) *streamLink {
	return &streamLink{peer: p, lazy: lazy, queue: make(chan branch.Message, queued)}
}

func (l *streamLink) send(m branch.Message) {
	select {
	case l.queue <- m:
	default:
	}
	if l.lazy {
		l.keepOpen()
	}
}

func (l *streamLink) open() {
	if !l.lazy && l.branch.opt.Core.Self < l.id {
		l.keepOpen()
	}
}

// keepOpen has this side open a stream as long as the branch lives or, if it is
// lazy, until the other side has opened one.
func (l *streamLink) keepOpen() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.calling || l.lazy && l.replace != nil {
		return
	}
	l.calling = true
	b := l.branch
	b.running.Go(func() {
		for b.ctx.Err() == nil && !l.idle() {
			l.call()
			_ = backoff.Sleep(b.ctx, reopenAfter)
		}
	})
}

// idle reports whether this side need not open a stream, and then does not.
func (l *streamLink) idle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calling = !l.lazy || l.replace == nil
	return !l.calling
}

// call opens a stream and lives as long as it does.
func (l *streamLink) call() {
	client, err := l.reach()
	if err != nil {
		return
	}
	ctx, cancel := context.WithCancel(l.branch.ctx)
	defer cancel()
	stream, err := client.Exchange(ctx, grpc.WaitForReady(true))
	if err != nil {
		return
	}
	p := callerPipe{stream}
	if p.send(&branchbankv1.Message{From: int32(l.branch.opt.Core.Self), To: int32(l.id)}) == nil {
		_ = l.carry(ctx, cancel, p)
	}
}

// Exchange implements branchbankv1.BranchServiceServer.
func (b *Branch) Exchange(stream grpc.BidiStreamingServer[branchbankv1.ExchangeRequest, branchbankv1.ExchangeResponse]) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	hello := first.GetMessage()
	l, ok := b.links[ID(hello.GetFrom())].(*streamLink)
	if !ok || ID(hello.GetTo()) != b.opt.Core.Self {
		return rpc.InvalidField("message", "branch %d does not propagate by streams to branch %d", b.opt.Core.Self, hello.GetFrom())
	}
	ctx, cancel := context.WithCancelCause(stream.Context())
	defer cancel(nil)
	defer context.AfterFunc(b.ctx, func() { cancel(nil) })()
	l.mu.Lock()
	if l.replace != nil {
		l.replace(errReplaced)
	}
	l.replace = cancel
	l.mu.Unlock()
	defer l.lost(ctx)
	return l.carry(ctx, func() { cancel(nil) }, servedPipe{stream})
}

var errReplaced = errors.New("the other side has opened another stream")

// lost forgets a stream that the other side had opened, unless there is a newer
// one.
func (l *streamLink) lost(ctx context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !errors.Is(context.Cause(ctx), errReplaced) {
		l.replace = nil
	}
}

// carry lets messages pass both ways until either side ends the stream. On the
// side that serves, returning is what ends it.
func (l *streamLink) carry(ctx context.Context, cancel context.CancelFunc, p pipe) error {
	l.branch.take(branch.Reach(l.id))
	var receiving sync.WaitGroup
	if _, calls := p.(callerPipe); calls {
		defer receiving.Wait()
	}
	receiving.Go(func() {
		defer cancel()
		for {
			w, err := p.receive()
			if err != nil {
				return
			}
			if m, ok := fromWire(w); ok && m.From == l.id && m.To == l.branch.opt.Core.Self {
				l.branch.take(m)
			}
		}
	})
	for {
		select {
		case m := <-l.queue:
			w := toWire(m)
			l.branch.weight.weigh(m, w)
			if err := p.send(w); err != nil {
				cancel()
				return nil
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// callerPipe is the side of the branch that opened the stream.
type callerPipe struct {
	grpc.BidiStreamingClient[branchbankv1.ExchangeRequest, branchbankv1.ExchangeResponse]
}

func (p callerPipe) send(m *branchbankv1.Message) error {
	return p.Send(&branchbankv1.ExchangeRequest{Message: m})
}

func (p callerPipe) receive() (*branchbankv1.Message, error) {
	r, err := p.Recv()
	return r.GetMessage(), err
}

// servedPipe is the other side.
type servedPipe struct {
	grpc.BidiStreamingServer[branchbankv1.ExchangeRequest, branchbankv1.ExchangeResponse]
}

func (p servedPipe) send(m *branchbankv1.Message) error {
	return p.Send(&branchbankv1.ExchangeResponse{Message: m})
}

func (p servedPipe) receive() (*branchbankv1.Message, error) {
	r, err := p.Recv()
	return r.GetMessage(), err
}
