package sessionbank

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"

	"dyno/bench/fault"
	"dyno/bench/link"
	"dyno/internal/branches/group"
	"dyno/internal/replica"
	"dyno/internal/rpc"
	sessionbankv1 "dyno/proto/sessionbank/v1"
	"dyno/systems"
	"dyno/systems/sessionbank/branch"
	"dyno/systems/sessionbank/customer"
	"dyno/systems/sessionbank/trial"
)

// cut is two branches that do not reach each other for a while.
type cut struct {
	a, b replica.ID
	long time.Duration
}

// parseCuts reads A-B@D, or several with commas.
func parseCuts(text string, ids []replica.ID) (cuts []cut, err error) {
	if text == "" {
		return nil, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		pair, long, _ := strings.Cut(strings.TrimSpace(part), "@")
		a, b, _ := strings.Cut(pair, "-")
		x, errA := strconv.ParseInt(a, 10, 32)
		y, errB := strconv.ParseInt(b, 10, 32)
		d, errD := time.ParseDuration(long)
		if err := errors.Join(errA, errB, errD); err != nil || d <= 0 || x == y {
			return nil, systems.Usagef("--cut %q is not A-B@D: two branches and for how long, such as 1-2@500ms", part)
		}
		c := cut{replica.ID(x), replica.ID(y), d}
		for _, id := range []replica.ID{c.a, c.b} {
			if !slices.Contains(ids, id) {
				return nil, systems.Usagef("--cut %q: there is no branch %d", part, id)
			}
		}
		cuts = append(cuts, c)
	}
	return cuts, nil
}

// opened is a bank that is running.
type opened struct {
	clients   []sessionbankv1.SessionBankServiceClient
	addresses []string
	network   *link.Network // nil: branches reach each other directly
	closers   []func() error

	mu    sync.Mutex
	conns map[string]*grpc.ClientConn
}

// close ends everything, the last first.
func (b *opened) close() (err error) {
	for _, c := range slices.Backward(b.closers) {
		err = errors.Join(err, c())
	}
	for _, c := range b.conns {
		err = errors.Join(err, c.Close())
	}
	return err
}

// open starts the branches and connects to them. The context that it returns
// ends when one of them dies.
func (o *runOptions) open(ctx context.Context, sh systems.Shell, s group.Spec) (_ context.Context, b *opened, err error) {
	b = &opened{conns: make(map[string]*grpc.ClientConn)}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	if o.linked() {
		if b.network, err = link.NewNetwork(link.Options{Seed: 1}); err != nil {
			return ctx, b, err
		}
		b.closers = append(b.closers, b.network.Close)
	}
	start := b.startProcesses
	if o.inProcess {
		start = b.startHere
	}
	if ctx, err = start(ctx, sh, s); err != nil {
		return ctx, b, err
	}
	if d := o.knobs.Duration(trial.KnobDelay); d > 0 && len(s.IDs) > 1 {
		if _, err := b.network.Begin(fault.Fault{Kind: fault.Delay, Delay: d}); err != nil {
			return ctx, b, err
		}
	}
	conns := make([]*grpc.ClientConn, len(b.addresses))
	for i, addr := range b.addresses {
		if conns[i], err = b.dial(addr); err != nil {
			return ctx, b, err
		}
	}
	b.clients = customer.Branches(conns)
	return ctx, b, nil
}

// dial makes one connection to each address, for everybody in this process.
func (b *opened) dial(addr string) (*grpc.ClientConn, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c := b.conns[addr]; c != nil {
		return c, nil
	}
	c, err := branch.Dial(addr)
	if err == nil {
		b.conns[addr] = c
	}
	return c, err
}

// startProcesses starts a process for each branch.
func (b *opened) startProcesses(ctx context.Context, sh systems.Shell, s group.Spec) (context.Context, error) {
	ctx, bench, closeBench, err := sh.Bench(ctx, systems.Setting{Seed: 1})
	if err != nil {
		return ctx, err
	}
	b.closers = append(b.closers, closeBench)
	if b.network != nil {
		s.Link = func(from string, to systems.Process) (string, error) { return b.link(from, to.Name(), to.Addr()) }
	}
	processes, err := group.Start(ctx, bench, s)
	if err != nil {
		return ctx, err
	}
	for _, p := range processes {
		b.addresses = append(b.addresses, p.Addr())
	}
	return ctx, nil
}

func (b *opened) link(from, to, addr string) (string, error) {
	l, err := b.network.Add(from, to, addr)
	if err != nil {
		return "", err
	}
	return l.Addr(), nil
}

// startHere starts all branches in this process.
func (b *opened) startHere(ctx context.Context, _ systems.Shell, s group.Spec) (context.Context, error) {
	listeners, err := group.Listen(ctx, s)
	if err != nil {
		return ctx, err
	}
	serving, stop := context.WithCancel(ctx)
	var ended sync.WaitGroup
	errs := make([]error, len(listeners))
	b.closers = append(b.closers, func() error {
		stop()
		ended.Wait()
		return errors.Join(errs...)
	})
	for i, lis := range listeners {
		b.addresses = append(b.addresses, lis.Addr().String())
		peers, err := b.peersOf(i, s.IDs, listeners)
		if err != nil {
			return ctx, err
		}
		one, err := branch.Open(branch.Options{ID: s.IDs[i], Peers: peers, Balance: s.Balance, Wait: branch.DefaultWait, Dial: b.dial})
		if err != nil {
			return ctx, err
		}
		ended.Go(func() { errs[i] = one.Serve(serving, rpc.Options{Listener: lis}) })
	}
	return ctx, nil
}

// peersOf are where branch i reaches the others.
func (b *opened) peersOf(i int, ids []replica.ID, listeners []net.Listener) (group.Peers, error) {
	peers := make(group.Peers)
	for j, lis := range listeners {
		if i == j {
			continue
		}
		addr := lis.Addr().String()
		if b.network != nil {
			var err error
			if addr, err = b.link(group.Name(ids[i]), group.Name(ids[j]), addr); err != nil {
				return nil, err
			}
		}
		peers[ids[j]] = addr
	}
	return peers, nil
}

// cut cuts branches from each other, for as long as said.
func (b *opened) cut(cuts []cut) (heal func(), err error) {
	var timers []*time.Timer
	heal = func() {
		for _, t := range timers {
			t.Stop()
		}
	}
	for _, c := range cuts {
		f := fault.Fault{Kind: fault.Cut, Links: fault.Links{A: []string{group.Name(c.a)}, B: []string{group.Name(c.b)}}}
		if _, err := b.network.Begin(f); err != nil {
			return heal, fmt.Errorf("--cut: %w", err)
		}
		timers = append(timers, time.AfterFunc(c.long, func() { _, _ = b.network.End(f) }))
	}
	return heal, nil
}
