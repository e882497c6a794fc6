// Package group starts branches that know each other: as processes of a bench,
// or all in this one.
package group

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"google.golang.org/grpc"

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

// Name is the name of a branch's process.
func Name(id branch.ID) string { return fmt.Sprintf("b%d", id) }

// listen is where a branch of the group listens.
func (s Spec) listen(id branch.ID) string { return fmt.Sprintf("127.0.0.1:%d", s.port(id)) }

func (s Spec) port(id branch.ID) int {
	if s.Ports == 0 {
		return 0
	}
	return s.Ports + int(id)
}

// Check refuses ports that there are not.
func (s Spec) Check() error {
	for _, id := range s.IDs {
		if p := s.port(id); p > 65535 {
			return systems.Usagef("--ports-from %d: branch %d would listen on port %d; the last one is 65535", s.Ports, id, p)
		}
	}
	return nil
}

// Start starts the branches as processes, in the order of IDs. Their addresses
// are found in files, since each needs those of the others before they listen.
func Start(ctx context.Context, b systems.Bench, s Spec) ([]systems.Process, error) {
	dir, err := b.Dir("addresses")
	if err != nil {
		return nil, err
	}
	started := make([]systems.Process, len(s.IDs))
	err = each(len(s.IDs), func(i int) (err error) {
		started[i], err = b.Start(ctx, s.launch(dir, s.IDs[i]))
		return err
	})
	if err != nil {
		return nil, err
	}
	for i, to := range started {
		if s.Link == nil {
			err = errors.Join(err, os.WriteFile(s.file(dir, 0, s.IDs[i]), []byte(to.Addr()), 0o644))
			continue
		}
		for j, from := range started {
			if i == j {
				continue
			}
			addr, linkErr := s.Link(from.Name(), to)
			err = errors.Join(err, linkErr, os.WriteFile(s.file(dir, s.IDs[j], s.IDs[i]), []byte(addr), 0o644))
		}
	}
	return started, err
}

// file holds the address by which a branch reaches another one.
func (s Spec) file(dir string, from, to branch.ID) string {
	if s.Link == nil {
		return filepath.Join(dir, strconv.Itoa(int(to)))
	}
	return filepath.Join(dir, fmt.Sprintf("%d-%d", from, to))
}

func (s Spec) launch(dir string, id branch.ID) systems.Launch {
	var peers []string
	for _, other := range s.IDs {
		if other != id {
			peers = append(peers, fmt.Sprintf("%d=@%s", other, s.file(dir, id, other)))
		}
	}
	args := append([]string{
		"--listen", s.listen(id), "--id", strconv.Itoa(int(id)), "--peers", strings.Join(peers, ","),
		"--balance", strconv.FormatInt(s.Balance, 10),
	}, s.Args...)
	if s.Streams {
		args = append(args, "--one-stream")
	}
	if s.Data != "" {
		args = append(args, "--data", filepath.Join(s.Data, Name(id)))
	}
	return systems.Launch{Role: server.RoleName, Name: Name(id), Args: args}
}

// each does something for each of n, as many at once as there are processors to
// do it.
func each(n int, do func(i int) error) error {
	errs := make([]error, n)
	var all sync.WaitGroup
	room := make(chan struct{}, 2*runtime.NumCPU())
	for i := range n {
		room <- struct{}{}
		all.Go(func() {
			defer func() { <-room }()
			errs[i] = do(i)
		})
	}
	all.Wait()
	return errors.Join(errs...)
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
	listeners := make([]net.Listener, len(s.IDs))
	for i, id := range s.IDs {
		if listeners[i], err = new(net.ListenConfig).Listen(ctx, "tcp", s.listen(id)); err != nil {
			for _, lis := range listeners[:i] {
				_ = lis.Close()
			}
			return l, fmt.Errorf("branch %d: %w; choose other ports with --ports-from", id, err)
		}
		l.Addresses = append(l.Addresses, listeners[i].Addr().String())
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
