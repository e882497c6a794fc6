// Package group starts branches that know each other: as processes of a bench,
// or all in this one.
package group

import (
	"context"
	"errors"
	"slices"
	"sync"

	"google.golang.org/grpc"

	"dyno/internal/branches/group"
	"dyno/internal/rpc"
	"dyno/systems"
	"dyno/systems/branchbank/core/branch"
	"dyno/systems/branchbank/server"
)

// Spec says what a group is.
type Spec struct {
	IDs     []branch.ID
	Balance int64
	Streams bool     // one stream per pair of branches, whatever the mode: half as many connections as by calls
	Args    []string // further flags of each branch, those of its knobs among them
	Ports   int      // branch ID listens on port Ports + ID; 0: the system chooses
	Data    string   // folder with a folder of each branch's journal; empty: in memory only

	// Link returns how a branch reaches another one, once all are started. Nil: as
	// everybody does.
	Link func(from string, to systems.Process) (addr string, err error)
}

// shared is the group as every bank starts it.
func (s Spec) shared() group.Spec {
	args := s.Args
	if s.Streams {
		args = append(slices.Clip(args), "--one-stream")
	}
	return group.Spec{Role: server.RoleName, IDs: s.IDs, Balance: s.Balance, Args: args, Ports: s.Ports, Data: s.Data, Link: s.Link}
}

// Name is the name of a branch's process.
func Name(id branch.ID) string { return group.Name(id) }

// Check refuses ports that there are not.
func (s Spec) Check() error { return s.shared().Check() }

// Start starts the branches as processes, in the order of IDs.
func Start(ctx context.Context, b systems.Bench, s Spec) ([]systems.Process, error) {
	return group.Start(ctx, b, s.shared())
}

// Local is a group in this process. Its branches share one connection to each of
// them.
type Local struct {
	Addresses []string // in the order of IDs
	Branches  []*server.Branch

	mu    sync.Mutex
	conns map[string]*grpc.ClientConn
	stop  context.CancelFunc
	ended []chan error
}

// StartLocal starts the branches; nothing of them outlives the process.
func StartLocal(ctx context.Context, s Spec, cfg branch.Config) (l *Local, err error) {
	l = &Local{conns: make(map[string]*grpc.ClientConn)}
	ctx, l.stop = context.WithCancel(ctx)
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close())
		}
	}()
	listeners, err := group.Listen(ctx, s.shared())
	if err != nil {
		return l, err
	}
	for _, lis := range listeners {
		l.Addresses = append(l.Addresses, lis.Addr().String())
	}
	for i, id := range s.IDs {
		o := server.Options{Core: cfg, Addresses: make(map[branch.ID]string), Dial: l.Dial, OneStream: s.Streams}
		o.Core.Self, o.Core.Balance = id, s.Balance
		for j, other := range s.IDs {
			if other != id {
				o.Addresses[other] = l.Addresses[j]
			}
		}
		b, err := server.Open(o)
		if err != nil {
			return l, err
		}
		l.Branches = append(l.Branches, b)
		ended := make(chan error, 1)
		l.ended = append(l.ended, ended)
		go func() { ended <- b.Serve(ctx, rpc.Options{Listener: listeners[i]}) }()
	}
	return l, nil
}

// Dial returns the one connection to an address.
func (l *Local) Dial(addr string) (grpc.ClientConnInterface, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := l.conns[addr]; c != nil {
		return c, nil
	}
	c, err := server.Dial(addr)
	if err == nil {
		l.conns[addr] = c
	}
	return c, err
}

// Close ends all branches.
func (l *Local) Close() error {
	l.stop()
	var errs []error
	for _, b := range l.Branches {
		errs = append(errs, b.Close())
	}
	for _, c := range l.conns {
		errs = append(errs, c.Close())
	}
	for _, ended := range l.ended {
		errs = append(errs, <-ended)
	}
	return errors.Join(errs...)
}
