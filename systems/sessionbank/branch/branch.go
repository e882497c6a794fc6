// Package branch is the role branch: the shell around the core of one, behind
// gRPC, with its journal and its connections to the others.
package branch

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"dyno/internal/branches/group"
	"dyno/internal/node/host"
	"dyno/internal/replica"
	"dyno/internal/rpc"
	sessionbankv1 "dyno/proto/sessionbank/v1"
	"dyno/systems"
	"dyno/systems/sessionbank/core/bank"
)

// Options say what a branch is.
type Options struct {
	ID      replica.ID
	Peers   group.Peers   // where the others are
	Balance int64         // at the beginning, the same for all
	Dir     string        // of the journal; empty: nothing outlives the process
	Wait    time.Duration // how long a request may wait for the branch to catch up, at most
	Log     *slog.Logger

	// Dial connects to another branch; the connection is the caller's to close.
	// Nil: by a connection of the branch's own.
	Dial func(addr string) (*grpc.ClientConn, error)
}

// DefaultWait is how long a request may wait, unless told otherwise.
const DefaultWait = 5 * time.Second

// How writes go to the others: batches are as large as what gathers meanwhile.
const (
	batch    = 256
	messages = 4
	retry    = 100 * time.Millisecond
	retryMax = time.Second
)

// Branch is a running branch.
type Branch struct {
	sessionbankv1.UnimplementedSessionBankServiceServer
	sessionbankv1.UnimplementedPropagationServiceServer

	opt     Options
	core    *bank.Core
	host    *host.Host[bank.Input, bank.Output]
	waiting host.Waiters[uint64, bank.Answer]
	calls   atomic.Uint64
	peers   map[replica.ID]*peer
	stop    chan struct{} // closed when the branch is to end
	once    sync.Once
	lost    error // why it must not go on; set before stop is closed
	running sync.WaitGroup
}

// Open recovers a branch and has it reach for the others.
func Open(opt Options) (*Branch, error) {
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	b := &Branch{opt: opt, peers: make(map[replica.ID]*peer), stop: make(chan struct{})}
	b.core = bank.New(bank.Config{
		Replica: replica.Config{
			Self: opt.ID, Peers: slices.Sorted(maps.Keys(opt.Peers)),
			Batch: batch, Messages: messages, Retry: retry, RetryMax: retryMax,
		},
		Balance: opt.Balance, MaxWait: opt.Wait,
	})
	for id, addr := range opt.Peers {
		b.peers[id] = &peer{id: id, address: addr, queue: make(chan *sessionbankv1.Message, queued)}
	}
	var err error
	b.host, _, err = host.Open(b.core, host.Options[bank.Output]{Dir: opt.Dir, Send: b.carry})
	if err != nil {
		return nil, err
	}
	for _, p := range b.peers {
		b.running.Go(func() { b.propagate(p) })
	}
	return b, nil
}

// carry does what the core wants; the host calls it.
func (b *Branch) carry(out bank.Output) {
	switch out := out.(type) {
	case bank.Answer:
		b.waiting.Tell(out.Call, out)
	case bank.Message:
		b.peers[out.To].offer(toMessage(out))
	case bank.Lost:
		b.end(out.Err)
	}
}

// end has the branch stop; why is nil if it was asked to.
func (b *Branch) end(why error) {
	b.once.Do(func() {
		b.lost = why
		close(b.stop)
	})
}

// Register adds the services of the branch to a server.
func (b *Branch) Register(r grpc.ServiceRegistrar) {
	sessionbankv1.RegisterSessionBankServiceServer(r, b)
	sessionbankv1.RegisterPropagationServiceServer(r, b)
}

// Stop ends the streams of other branches, so that a server can drain.
func (b *Branch) Stop() { b.end(nil) }

// Stopped is closed when the branch must not go on, or was stopped.
func (b *Branch) Stopped() <-chan struct{} { return b.stop }

// Failed is closed when the journal has failed.
func (b *Branch) Failed() <-chan struct{} { return b.host.Failed() }

// Close ends the branch and says why it could not go on, if so.
func (b *Branch) Close() error {
	b.end(nil)
	failure := b.host.Err()
	b.running.Wait()
	return errors.Join(b.lost, failure, b.host.Close())
}

// Role is the role branch.
var Role = systems.Role{Serves: true, Probe: sessionbankv1.SessionBankService_Query_FullMethodName, Command: systems.Command{
	Name:    "branch",
	Summary: "one branch: holds a replica of the account, serves sessions, propagates their writes",
	Example: "dyno sessionbank branch --id 1 --listen 127.0.0.1:50051 --peers 2=127.0.0.1:50052 --balance 400",
	Setup:   setup,
}}

func setup(fs systems.FlagSet) func(context.Context, systems.Shell) error {
	opt := Options{}
	id := fs.Int("id", 0, "the branch's own `N`, 1 or more")
	listen := fs.String("listen", "127.0.0.1:0", "HOST:PORT to serve on; port 0 takes a free one")
	var peers group.Peers
	fs.Var(&peers, "peers", "where the other branches are: `1=HOST:PORT,2=HOST:PORT`; @FILE in place of HOST:PORT: read it there")
	fs.Int64Var(&opt.Balance, "balance", 0, "at the beginning, the same at all branches")
	fs.StringVar(&opt.Dir, "data", "", "`DIR` of the journal; empty: nothing outlives the process")
	fs.DurationVar(&opt.Wait, "wait", DefaultWait, "how long a request may wait for the branch to catch up, at most")
	return func(ctx context.Context, sh systems.Shell) error {
		switch {
		case *id < 1 || *id > math.MaxInt32:
			return systems.Usagef("--id %d: give the branch a number of 1 or more", *id)
		case opt.Balance < 0:
			return systems.Usagef("--balance %d: it is below 0", opt.Balance)
		case opt.Wait <= 0:
			return systems.Usagef("--wait %v: give a positive time", opt.Wait)
		}
		opt.ID = replica.ID(*id)
		opt.Peers = peers.Without(opt.ID)
		opt.Log = sh.Log().With("branch", *id)
		b, err := Open(opt)
		if err != nil {
			return err
		}
		return b.Serve(ctx, rpc.Options{Listen: *listen, Ready: func(addr string) {
			opt.Log.Info("serving", "address", addr)
			sh.Ready(addr)
		}})
	}
}

// stopGrace is generous: streams of other branches end at once, unless the machine
// is too busy to.
const stopGrace = 10 * time.Second

// Serve answers until ctx ends, or the branch cannot go on, and closes it.
func (b *Branch) Serve(ctx context.Context, o rpc.Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	b.running.Go(func() {
		select {
		case <-ctx.Done():
		case <-b.Failed():
		case <-b.Stopped():
		}
		cancel()
	})
	o.Log = b.opt.Log
	o.BeforeStop = func(context.Context) { b.Stop() }
	o.Grace = stopGrace
	o.Deadline = max(rpc.DefaultDeadline, b.opt.Wait+time.Second)
	err := rpc.Serve(ctx, o, b.Register)
	cancel()
	return errors.Join(err, b.Close())
}
