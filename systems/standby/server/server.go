// Package server is the roles of the standby system: a server of accounts, and
// the witness. What they do is decided in package core; this is what core runs
// on: gRPC, a journal, and the file of accounts.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"dyno/internal/node/host"
	standbyv1 "dyno/proto/standby/v1"
	"dyno/systems/standby/core"
)

// server is the shell around a core.
type server struct {
	standbyv1.UnimplementedAccountServiceServer
	standbyv1.UnimplementedReplicationServiceServer
	config Config
	log    *slog.Logger
	core   *core.Core
	host   *host.Host[core.In, core.Out]
	opened chan struct{} // closed when the host is there

	refs    atomic.Uint64
	mu      sync.Mutex
	waiting map[uint64]receiver // of replies, by ref

	fence   fence
	out     *outgoing // to the other server, that this one leads
	back    answers   // to the other server, that leads this one
	witness *witnessClient

	running sync.WaitGroup
	ctx     context.Context
	cancel  context.CancelFunc
}

// receiver is who waits for a reply. receive must not wait.
type receiver interface{ receive(*core.Reply) }

// Config says what a server is.
type Config struct {
	core.Config
	Peer      string // HOST:PORT of the other server
	Witness   string // of the witness; empty: there is none
	Accounts  string // file
	InMemory  bool   // nothing is written to disk
	OneByOne  bool   // each action is shipped in a call of its own
	SaveEvery time.Duration
	Compact   uint64 // records of the journal that a snapshot is to replace; 0: never
	Log       *slog.Logger
}

// compactAfter is how many records make a snapshot of the journal worth while:
// some 130 bytes each.
const compactAfter = 200_000

// open recovers the server and has it begin.
func open(c Config) (*server, error) {
	s := &server{config: c, log: c.Log, waiting: map[uint64]receiver{}, opened: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	var err error
	if s.core, err = core.New(c.Config); err != nil {
		return nil, err
	}
	s.back.waiting, s.back.reached = map[*core.Message]chan *core.Message{}, make(chan struct{})
	if s.out, err = newOutgoing(s); err != nil {
		return nil, err
	}
	if c.Witness != "" {
		if s.witness, err = newWitnessClient(s); err != nil {
			return nil, errors.Join(err, s.out.conn.Close())
		}
	}
	opt := host.Options[core.Out]{Compact: c.Compact, Send: s.send}
	opt.Journal.Identity = "standby " + c.Name
	if !c.InMemory {
		opt.Dir = c.Accounts + ".journal"
	}
	s.host, _, err = host.Open(s.core, opt)
	if err != nil {
		return nil, fmt.Errorf("standby: the journal beside %s: %w", c.Accounts, err)
	}
	s.fence.now = s.host.Now
	close(s.opened)
	s.running.Go(s.out.run)
	s.running.Go(s.save)
	return s, nil
}

// close ends what open began, and leaves the accounts in their file.
func (s *server) close() error {
	s.cancel()
	s.running.Wait()
	err := s.host.Close()
	if s.witness != nil {
		err = errors.Join(err, s.witness.close())
	}
	return errors.Join(err, s.out.conn.Close(), s.saveAccounts())
}

func (s *server) register(r grpc.ServiceRegistrar) {
	standbyv1.RegisterAccountServiceServer(r, s)
	standbyv1.RegisterReplicationServiceServer(r, s)
}

// send carries out what the core wants told. The core is at rest meanwhile.
func (s *server) send(out core.Out) {
	switch {
	case out.Reply != nil:
		s.tell(out.Reply)
	case out.Message != nil && out.Message.Kind == core.Position:
		s.back.add(out.Message)
	case out.Message != nil:
		s.out.add(out.Message)
	case out.Ask != nil:
		s.witness.ask(*out.Ask)
	}
}

// tell hands a reply to who waits for it, unless the right to it is over: time
// may have passed since the core gave it, for the disk or because the process
// was stopped.
func (s *server) tell(r *core.Reply) {
	if r.Until != 0 && s.host.Now() >= r.Until {
		*r = core.Reply{Ref: r.Ref, Outcome: core.NotPrimary}
	}
	s.fence.said(r.Until)
	s.mu.Lock()
	to := s.waiting[r.Ref]
	delete(s.waiting, r.Ref)
	s.mu.Unlock()
	if to != nil {
		to.receive(r)
	}
}

// step tells the core what happened. Once the journal has failed nothing
// happens any more, and the process ends.
func (s *server) step(in core.In) error { return s.host.Step(in) }

// expect makes a reference for a reply.
func (s *server) expect(r receiver) uint64 {
	ref := s.refs.Add(1)
	s.mu.Lock()
	s.waiting[ref] = r
	s.mu.Unlock()
	return ref
}

// forget gives up waiting.
func (s *server) forget(ref uint64) {
	s.mu.Lock()
	delete(s.waiting, ref)
	s.mu.Unlock()
}
