package branch

import (
	"context"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	grpcbackoff "google.golang.org/grpc/backoff"

	"dyno/internal/backoff"
	"dyno/internal/branches/group"
	"dyno/internal/replica"
	"dyno/internal/rpc"
	sessionbankv1 "dyno/proto/sessionbank/v1"
	"dyno/systems/sessionbank/core/bank"
)

// queued bounds the messages that wait for the connection to a branch. More are
// dropped: the core sends again what is not acknowledged.
const queued = 1024

// peer is another branch, as one to send to.
type peer struct {
	id      replica.ID
	address string // HOST:PORT, or a file that will hold it
	queue   chan *sessionbankv1.Message
}

// unknownYet is how often an address is looked up that nobody has written yet.
const unknownYet = 5 * time.Millisecond

// Dial connects to a branch, also by a slow link, over which it takes its time to
// open a connection.
func Dial(addr string) (*grpc.ClientConn, error) {
	return rpc.Dial(addr, grpc.WithConnectParams(grpc.ConnectParams{
		Backoff:           grpcbackoff.Config{BaseDelay: 20 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 500 * time.Millisecond},
		MinConnectTimeout: 20 * time.Second,
	}))
}

// dial connects to a peer once it is known where it is.
func (b *Branch) dial(ctx context.Context, p *peer) (conn *grpc.ClientConn, release func(), err error) {
	for {
		addr, err := group.Resolve(p.address)
		switch {
		case err != nil:
		case b.opt.Dial != nil:
			conn, err = b.opt.Dial(addr)
			return conn, func() {}, err
		default:
			conn, err = Dial(addr)
			return conn, func() { _ = conn.Close() }, err
		}
		if err := backoff.Sleep(ctx, unknownYet); err != nil {
			return nil, nil, err
		}
	}
}

// reopen is the pause after a stream could not be opened or has broken: the other
// branch may be ending.
const reopen = 20 * time.Millisecond

// offer queues a message, if there is room.
func (p *peer) offer(m *sessionbankv1.Message) {
	select {
	case p.queue <- m:
	default:
	}
}

// propagate sends a peer what is queued for it until the branch ends. Nothing is
// opened before there is something to send: a large group has many pairs.
func (b *Branch) propagate(p *peer) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	b.running.Go(func() {
		select {
		case <-b.stop:
			cancel()
		case <-ctx.Done():
		}
	})
	var first *sessionbankv1.Message
	select {
	case first = <-p.queue:
	case <-ctx.Done():
		return
	}
	conn, release, err := b.dial(ctx, p)
	if err != nil {
		b.end(fmt.Errorf("branch %d at %s: %w", p.id, p.address, err))
		return
	}
	defer release()
	client := sessionbankv1.NewPropagationServiceClient(conn)
	for ctx.Err() == nil {
		b.stream(ctx, client, p, first)
		first = nil
		_ = backoff.Sleep(ctx, reopen)
	}
}

// stream opens a stream and sends until it breaks.
func (b *Branch) stream(ctx context.Context, client sessionbankv1.PropagationServiceClient, p *peer, m *sessionbankv1.Message) {
	stream, err := client.Propagate(ctx, grpc.WaitForReady(true))
	if err != nil || b.host.Step(bank.Reached{Branch: p.id}) != nil {
		return
	}
	for {
		if m != nil && stream.Send(&sessionbankv1.PropagateRequest{Message: m}) != nil {
			return
		}
		select {
		case m = <-p.queue:
		case <-stream.Context().Done():
			return
		}
	}
}

// Propagate implements sessionbankv1.PropagationServiceServer.
func (b *Branch) Propagate(stream grpc.ClientStreamingServer[sessionbankv1.PropagateRequest, sessionbankv1.PropagateResponse]) error {
	ended := make(chan error, 1)
	go func() { ended <- b.take(stream) }() // ends with the stream, which ends when this returns
	select {
	case err := <-ended:
		if err == io.EOF { // the other branch has said all
			return stream.SendAndClose(&sessionbankv1.PropagateResponse{})
		}
		return err
	case <-b.stop:
		return rpc.Errorf(rpc.Unavailable, "branch %d stops", b.opt.ID)
	}
}

func (b *Branch) take(stream grpc.ClientStreamingServer[sessionbankv1.PropagateRequest, sessionbankv1.PropagateResponse]) error {
	for {
		req, err := stream.Recv()
		if err != nil {
			return err
		}
		if kind := req.GetMessage().GetKind(); kind < uint32(replica.Push) || kind > uint32(replica.Offer) {
			return rpc.InvalidField("message.kind", "%d is none of the four", kind)
		}
		m := fromMessage(req.GetMessage())
		if _, known := b.peers[m.From]; !known || m.To != b.opt.ID {
			return rpc.InvalidField("message", "from branch %d to branch %d: this is branch %d, which knows %v", m.From, m.To, b.opt.ID,
				b.opt.Peers.String())
		}
		if err := b.host.Step(m); err != nil {
			return rpc.Errorf(rpc.Unavailable, "branch %d: %v", b.opt.ID, err)
		}
	}
}
