package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"

	"dyno/bench/link"
	"dyno/bench/load"
	"dyno/bench/process"
	"dyno/internal/rpc"
	agentv1 "dyno/proto/agent/v1"
	"dyno/systems"
)

// trial is the one that an agent runs.
type trial struct {
	id        uint64
	group     *process.Group
	scratch   *process.Dir
	root      *os.Root // of its folder: what is copied goes nowhere else, nor there when it is gone
	throttled int64    // of the machine, when it began
	cancel    context.CancelFunc
	over      chan struct{} // closed when nothing is left of it

	mu      sync.Mutex
	roles   map[string]systems.Process
	network *link.Network  // nil: there is no link
	ended   bool           // its roles and links
	live    *load.Listener // nil: nobody wants to know
	files   sync.Mutex     // one copy at a time
	growth  *follower
}

const eventRoom = 256 // that wait to be sent; more are dropped

// OpenTrial implements agentv1.AgentServiceServer.
func (s *server) OpenTrial(req *agentv1.OpenTrialRequest, stream grpc.ServerStreamingServer[agentv1.OpenTrialResponse]) (err error) {
	events := make(chan *agentv1.OpenTrialResponse, eventRoom)
	own, cancel := context.WithCancel(stream.Context())
	defer cancel()
	ctx, t, err := s.open(own, cancel, req, events)
	if err != nil {
		return toStatus(err)
	}
	defer func() { err = errors.Join(err, t.end()) }()
	if err := stream.Send(&agentv1.OpenTrialResponse{Folder: t.scratch.Path, Trial: t.id}); err != nil {
		return err
	}
	return t.tell(own, ctx, stream, events)
}

// open ends the trial before and puts another one in its place.
func (s *server) open(own context.Context, cancel context.CancelFunc, req *agentv1.OpenTrialRequest,
	events chan<- *agentv1.OpenTrialResponse,
) (ctx context.Context, t *trial, err error) {
	s.opening.Lock()
	defer s.opening.Unlock()
	if err := s.endTrial(own); err != nil {
		return nil, nil, err
	}
	system := s.opts.Lookup(req.GetSystem())
	if system == nil {
		return nil, nil, rpc.InvalidField("system", "the agent's program has no system called %q", req.GetSystem())
	}
	t = &trial{throttled: throttled("/"), cancel: cancel, over: make(chan struct{}), roles: make(map[string]systems.Process)}
	if t.scratch, err = process.Scratch("dyno-agent"); err != nil {
		return nil, nil, err
	}
	if t.root, err = os.OpenRoot(t.scratch.Path); err != nil {
		return nil, nil, errors.Join(err, t.scratch.Release())
	}
	t.growth = newFollower(t.root, req.GetLookBytes())
	if req.GetLive() { // that there is nowhere to listen is no reason not to measure
		t.live, _ = load.Listen(func(told []byte) { note(events, &agentv1.OpenTrialResponse{Live: bytes.Clone(told)}) })
	}
	ctx, t.group, err = process.NewGroup(own, process.Options{
		System: system, Dir: t.scratch.Path, Host: s.opts.Advertise,
		Setting: systems.Setting{Seed: req.GetSeed(), Impl: req.GetImpl()},
		Ready:   time.Duration(req.GetReadyNs()), Grace: time.Duration(req.GetGraceNs()),
		Keep: math.MaxInt64, // the runner keeps what it wants
		Env:  t.live.Env(),
		Logf: func(format string, args ...any) {
			note(events, &agentv1.OpenTrialResponse{Log: fmt.Sprintf(format, args...)})
		},
	})
	if err != nil {
		t.live.Close()
		return nil, nil, errors.Join(err, t.root.Close(), t.scratch.Release())
	}
	s.enter(t)
	return ctx, t, nil
}

// note tells the runner something, if there is room.
func note(events chan<- *agentv1.OpenTrialResponse, e *agentv1.OpenTrialResponse) {
	select {
	case events <- e:
	default:
	}
}

// end leaves nothing of a trial.
func (t *trial) end() error {
	defer close(t.over)
	_ = t.group.Close() // EndTrial has told what it says
	t.live.Close()
	return errors.Join(t.endLinks(), t.root.Close(), t.scratch.Release())
}

// enter makes a trial the agent's.
func (s *server) enter(t *trial) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	t.id = s.next
	s.trial = t
}

// endTrial ends the trial that is open, if there is one, and all that is left of it.
func (s *server) endTrial(ctx context.Context) error {
	s.mu.Lock()
	t := s.trial
	s.mu.Unlock()
	if t == nil {
		return nil
	}
	t.cancel()
	select {
	case <-t.over:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the trial before has not ended: %w", ctx.Err())
	}
}

// at finds the trial of a request.
func (s *server) at(id uint64) (*trial, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.trial == nil || s.trial.id != id {
		return nil, rpc.Errorf(rpc.Precondition, "trial %d is not open on this machine", id)
	}
	return s.trial, nil
}

// role finds a process of a trial.
func (s *server) role(id uint64, name string) (systems.Process, error) {
	t, err := s.at(id)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	p, ok := t.roles[name]
	if !ok {
		return nil, rpc.Errorf(rpc.NotFound, "no role called %s was started on this machine", name)
	}
	return p, nil
}

// StartRole implements agentv1.AgentServiceServer.
func (s *server) StartRole(ctx context.Context, req *agentv1.StartRoleRequest) (*agentv1.StartRoleResponse, error) {
	if req.GetAgain() {
		p, err := s.role(req.GetTrial(), req.GetName())
		if err == nil {
			err = toStatus(p.Restart(ctx))
		}
		if err != nil {
			return nil, err
		}
		return started(p), nil
	}
	t, err := s.at(req.GetTrial())
	if err != nil {
		return nil, err
	}
	p, err := t.group.Start(ctx, systems.Launch{
		Role: req.GetRole(), Name: req.GetName(), Args: req.GetArgs(), CPUs: int(req.GetCpus()),
		Whole: req.GetWhole(), Expendable: req.GetExpendable(), Spawns: req.GetSpawns(),
	})
	if err != nil {
		return nil, toStatus(err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.roles[req.GetName()] = p
	return started(p), nil
}

func started(p systems.Process) *agentv1.StartRoleResponse {
	return &agentv1.StartRoleResponse{Pid: int64(p.PID()), Addr: p.Addr()}
}

// SignalRole implements agentv1.AgentServiceServer.
func (s *server) SignalRole(ctx context.Context, req *agentv1.SignalRoleRequest) (*agentv1.SignalRoleResponse, error) {
	if req.GetAct() == agentv1.Act_ACT_DUMP {
		t, err := s.at(req.GetTrial())
		if err == nil {
			err = toStatus(t.group.Dump())
		}
		return new(agentv1.SignalRoleResponse), err
	}
	p, err := s.role(req.GetTrial(), req.GetName())
	if err == nil {
		err = toStatus(act(ctx, p, req))
	}
	return new(agentv1.SignalRoleResponse), err
}

// act does to a process what is asked.
func act(ctx context.Context, p systems.Process, req *agentv1.SignalRoleRequest) error {
	switch req.GetAct() {
	case agentv1.Act_ACT_KILL:
		return p.Kill()
	case agentv1.Act_ACT_PAUSE:
		return p.Pause()
	case agentv1.Act_ACT_RESUME:
		return p.Resume()
	case agentv1.Act_ACT_STOP:
		return p.Stop(ctx)
	case agentv1.Act_ACT_LIMIT:
		if l, ok := p.(systems.Limiter); ok {
			return l.Limit(req.GetCores())
		}
		return systems.ErrNoQuota
	case agentv1.Act_ACT_FILL_DISK, agentv1.Act_ACT_FREE_DISK:
		if f, ok := p.(systems.Filler); ok {
			return f.FullDisk(req.GetAct() == agentv1.Act_ACT_FILL_DISK)
		}
		return fmt.Errorf("%s: the system of its machine cannot limit what a process writes", p.Name())
	default:
		return rpc.InvalidField("act", "%v is nothing that can be done to a role", req.GetAct())
	}
}

// AwaitRole implements agentv1.AgentServiceServer.
func (s *server) AwaitRole(req *agentv1.AwaitRoleRequest, stream grpc.ServerStreamingServer[agentv1.AwaitRoleResponse]) error {
	p, err := s.role(req.GetTrial(), req.GetName())
	if err != nil {
		return err
	}
	out, err := p.Wait(stream.Context())
	for len(out) > 0 {
		n := min(chunk, len(out))
		if err := stream.Send(&agentv1.AwaitRoleResponse{Output: out[:n]}); err != nil {
			return err
		}
		out = out[n:]
	}
	return toStatus(err)
}

// EndTrial implements agentv1.AgentServiceServer.
func (s *server) EndTrial(_ context.Context, req *agentv1.EndTrialRequest) (*agentv1.EndTrialResponse, error) {
	t, err := s.at(req.GetTrial())
	if err == nil {
		err = toStatus(errors.Join(t.group.Close(), t.endLinks()))
	}
	return new(agentv1.EndTrialResponse), err
}
