package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"dyno/internal/journal"
	"dyno/internal/node/host"
	"dyno/internal/replica"
	"dyno/internal/rpc"
	branchbankv1 "dyno/proto/branchbank/v1"
	"dyno/proto/seed/bankservice"
	"dyno/systems/branchbank/core/branch"
)

const (
	// DefaultTimeout bounds how long a customer waits for an answer.
	DefaultTimeout = 2 * time.Second
	// segment is the size of the journal's files: small, since a bench may have
	// many branches on one disk.
	segment = 4 << 20
)

// Options say how a branch is run. Core.Self and Addresses say who is who.
type Options struct {
	Core      branch.Config // without Peers
	Addresses map[ID]string // of the other branches, or @FILE: a file that holds one by the time it is needed
	Data      string        // folder of the journal; empty: it forgets everything when it ends
	Compact   uint64        // records after which a snapshot takes their place; 0: never
	Timeout   time.Duration // of a customer's call; 0: DefaultTimeout
	OneStream bool          // under Sync and Async: messages travel on one stream per pair, opened when it is needed, not by calls

	// Dial connects to another branch; nil: with a connection of its own.
	Dial func(addr string) (grpc.ClientConnInterface, error)
}

// ID names a branch.
type ID = branch.ID

// Branch is one branch that can be served.
type Branch struct {
	branchbankv1.UnimplementedBranchServiceServer
	opt     Options
	core    *branch.Branch
	host    *host.Host[branch.Input, branch.Output]
	answers host.Waiters[uint64, branch.Answer]
	replies host.Waiters[uint64, branch.Message]
	calls   atomic.Uint64
	links   map[ID]link
	weight  weight

	ctx     context.Context // ends when the branch does
	cancel  context.CancelCauseFunc
	running sync.WaitGroup
	closers []func() error
	mu      sync.Mutex // guards closers
}

// Open recovers a branch from its journal, or begins a new one.
func Open(opt Options) (*Branch, error) {
	if opt.Timeout == 0 {
		opt.Timeout = DefaultTimeout
	}
	b := &Branch{opt: opt, links: make(map[ID]link, len(opt.Addresses))}
	b.ctx, b.cancel = context.WithCancelCause(context.Background())
	for id, addr := range opt.Addresses {
		opt.Core.Peers = append(opt.Core.Peers, id)
		p := &peer{branch: b, id: id, address: addr}
		switch {
		case opt.Core.Mode == branch.Stream:
			b.links[id] = newStreamLink(p, false)
		case opt.OneStream:
			b.links[id] = newStreamLink(p, true)
		default:
			b.links[id] = &unaryLink{p}
		}
	}
	b.core = branch.New(opt.Core)
	o := host.Options[branch.Output]{Send: b.send, Journal: journal.Options{Segment: segment}, Compact: opt.Compact}
	var err error
	if opt.Data != "" {
		o.Dir = filepath.Join(opt.Data, "journal")
		err = os.MkdirAll(opt.Data, 0o755)
	}
	if err != nil {
		return nil, fmt.Errorf("branch %d: %w", opt.Core.Self, err)
	}
	if b.host, _, err = host.Open(b.core, o); err != nil {
		b.cancel(err)
		return nil, fmt.Errorf("branch %d: %w", opt.Core.Self, err)
	}
	for _, l := range b.links {
		l.open()
	}
	return b, nil
}

// Register offers the branch's two services.
func (b *Branch) Register(r grpc.ServiceRegistrar) {
	branchbankv1.RegisterBranchServiceServer(r, b)
	bankservice.RegisterBankServiceServer(r, seedService{branch: b})
}

// Serve serves until the context ends, or the branch cannot go on.
func (b *Branch) Serve(ctx context.Context, o rpc.Options) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(b.ctx, stop)()
	b.running.Go(func() {
		select {
		case <-b.host.Failed():
			b.cancel(fmt.Errorf("branch %d: its journal failed: %w", b.opt.Core.Self, b.host.Err()))
		case <-ctx.Done():
		}
	})
	o.BeforeStop = func(context.Context) { b.cancel(errStopped) } // streams between branches end with it
	o.Server = append(o.Server, serverOptions...)
	err := rpc.Serve(ctx, o, b.Register)
	if cause := context.Cause(b.ctx); cause != nil && !errors.Is(cause, errStopped) {
		err = errors.Join(cause, err)
	}
	return err
}

var errStopped = errors.New("the branch was stopped")

// Close makes durable what the branch knows, and ends what it has under way.
func (b *Branch) Close() error {
	b.cancel(errStopped)
	errs := []error{b.host.Close()} // first: it sends no more
	b.mu.Lock()
	for _, c := range b.closers {
		errs = append(errs, c())
	}
	b.closers = nil
	b.mu.Unlock()
	b.running.Wait()
	return errors.Join(errs...)
}

// send carries out what the core wants; it must not wait.
func (b *Branch) send(out branch.Output) {
	switch out := out.(type) {
	case branch.Answer:
		b.answers.Tell(out.Call, out)
	case branch.Message:
		if out.Call != 0 {
			b.replies.Tell(out.Call, out)
			return
		}
		b.links[out.To].send(out)
	case branch.Fatal:
		b.cancel(out.Err)
	}
}

// take hands the core something that happened, which it may ignore.
func (b *Branch) take(in branch.Input) {
	if err := b.host.Step(in); err != nil && !errors.Is(err, host.ErrClosed) {
		b.cancel(err)
	}
}

// ask has the core do what a customer wants, and waits for the answer.
func (b *Branch) ask(ctx context.Context, a branch.Ask) (branch.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, b.opt.Timeout)
	defer cancel()
	a.Call = b.calls.Add(1)
	answer, err := b.answers.Await(ctx, a.Call, func() error { return b.host.Step(a) })
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return answer, status.Error(codes.Unavailable,
			"not every branch has answered in time: whether it happened is not known; the same request with its request id tells")
	case err != nil && ctx.Err() == nil:
		return answer, status.Error(codes.Unavailable, err.Error())
	case err != nil:
		return answer, err
	}
	switch answer.Status {
	case branch.Clash:
		return answer, rpc.InvalidField("request_id", "%s", answer.Reason)
	case branch.Full:
		return answer, rpc.Errorf(rpc.Refused, "%s", answer.Reason)
	}
	return answer, nil
}

// Execute implements branchbankv1.BranchServiceServer.
func (b *Branch) Execute(ctx context.Context, req *branchbankv1.ExecuteRequest) (*branchbankv1.ExecuteResponse, error) {
	a := branch.Ask{Kind: branch.Kind(req.GetKind()), Amount: req.GetAmount(), Request: req.GetRequestId()}
	switch {
	case a.Kind < branch.Query || a.Kind > branch.Withdraw:
		return nil, rpc.InvalidField("kind", "%v is none of query, deposit, withdraw", req.GetKind())
	case a.Kind != branch.Query && a.Amount < 1:
		return nil, rpc.InvalidField("amount", "%d is not 1 or more", a.Amount)
	}
	answer, err := b.ask(ctx, a)
	if err != nil {
		return nil, err
	}
	return &branchbankv1.ExecuteResponse{Success: answer.Status == branch.Done, Reason: answer.Reason, Balance: answer.Balance}, nil
}

// Deliver implements branchbankv1.BranchServiceServer.
func (b *Branch) Deliver(ctx context.Context, req *branchbankv1.DeliverRequest) (*branchbankv1.DeliverResponse, error) {
	m, ok := fromWire(req.GetMessage())
	if !ok || m.To != b.opt.Core.Self || b.links[m.From] == nil {
		return nil, rpc.InvalidField("message", "it is none of a branch of the group to branch %d", b.opt.Core.Self)
	}
	if m.Kind != replica.Push && m.Kind != replica.Ask {
		b.take(m)
		return &branchbankv1.DeliverResponse{}, nil
	}
	answer, err := b.reply(ctx, m)
	if err != nil {
		return nil, err
	}
	return &branchbankv1.DeliverResponse{Message: toWire(answer)}, nil
}

// reply hands the core a message and waits for its answer.
func (b *Branch) reply(ctx context.Context, m branch.Message) (branch.Message, error) {
	m.Call = b.calls.Add(1)
	answer, err := b.replies.Await(ctx, m.Call, func() error { return b.host.Step(m) })
	if err != nil && ctx.Err() == nil {
		err = status.Error(codes.Unavailable, err.Error())
	}
	return answer, err
}

// GetStatus implements branchbankv1.BranchServiceServer.
func (b *Branch) GetStatus(context.Context, *branchbankv1.GetStatusRequest) (*branchbankv1.GetStatusResponse, error) {
	var v branch.View
	b.host.View(func(time.Duration) { v = b.core.View() })
	rights := make(map[int32]int64, len(v.Rights))
	for id, r := range v.Rights {
		rights[int32(id)] = r
	}
	c := v.Counts
	return &branchbankv1.GetStatusResponse{
		Balance: v.Balance, External: v.External, Vector: toVector(v.Vector), Settled: v.Settled, Digest: v.Digest, Rights: rights,
		Waiting: uint32(v.Waiting),
		Counts: &branchbankv1.Counts{
			Deposits: c.Deposits, Withdrawals: c.Withdrawals, Declined: c.Declined, Negative: c.Negative, Asked: c.Asked, Given: c.Given,
			Local: c.Local, Messages: c.Messages, Pushed: c.Pushed, Resent: v.Replica.Resent,
			PushedBytes: b.weight.bytes.Load(), SampleBytes: b.weight.sample.Load(), SampleJsonBytes: b.weight.sampleJSON.Load(),
		},
	}, nil
}
