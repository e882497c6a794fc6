package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"dyno/bench/sample"
	agentv1 "dyno/proto/agent/v1"
)

// foreign is added to the id of a process on another machine: no process here has
// it, nor is one signalled by mistake.
const foreign = 1 << 30

// role is a [dyno/systems.Process] on another machine.
type role struct {
	trial *Trial
	name  string
	paths []string // of folders that its command line names

	mu   sync.Mutex
	pid  int
	addr string
}

func (r *role) start(ctx context.Context, req *agentv1.StartRoleRequest) error {
	resp, err := r.trial.link.client.StartRole(ctx, req)
	if err != nil {
		return r.fault(ctx, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pid, r.addr = int(resp.GetPid()), resp.GetAddr()
	return nil
}

// fault is that of the trial, or the end of the caller's context.
func (r *role) fault(ctx context.Context, err error) error {
	err = r.trial.fault(err)
	if cause := context.Cause(ctx); ctx.Err() != nil && !errors.As(err, new(*LostError)) {
		return fmt.Errorf("%s on machine %s: %w", r.name, r.trial.machine.Name, errors.Join(ctx.Err(), cause, err))
	}
	return err
}

// Name implements systems.Process.
func (r *role) Name() string { return r.name }

// PID implements systems.Process: a number that is no process's of this machine.
func (r *role) PID() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return foreign + r.pid
}

// Addr implements systems.Process.
func (r *role) Addr() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.addr
}

// Machine implements [sample.Distant].
func (r *role) Machine() sample.Machine { return r.trial }

func (r *role) act(a agentv1.Act) error {
	return r.trial.ask(&agentv1.SignalRoleRequest{Name: r.name, Act: a})
}

// Kill implements systems.Process.
func (r *role) Kill() error {
	if err := r.act(agentv1.Act_ACT_KILL); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.trial.calls, askTimeout)
	defer cancel()
	return r.trial.pull(ctx, r.paths)
}

// Pause implements systems.Process.
func (r *role) Pause() error { return r.act(agentv1.Act_ACT_PAUSE) }

// Resume implements systems.Process.
func (r *role) Resume() error { return r.act(agentv1.Act_ACT_RESUME) }

// Stop implements systems.Process.
func (r *role) Stop(ctx context.Context) error {
	bound, cancel := r.trial.bound(ctx)
	defer cancel()
	_, err := r.trial.link.client.SignalRole(bound, &agentv1.SignalRoleRequest{Trial: r.trial.id, Name: r.name, Act: agentv1.Act_ACT_STOP})
	if err != nil {
		return r.fault(ctx, err)
	}
	return r.trial.pull(bound, r.paths)
}

// Restart implements systems.Process.
func (r *role) Restart(ctx context.Context) error {
	bound, cancel := r.trial.bound(ctx)
	defer cancel()
	if err := r.trial.push(bound, r.paths, true); err != nil {
		return err
	}
	return r.start(bound, &agentv1.StartRoleRequest{Trial: r.trial.id, Name: r.name, Again: true})
}

// Wait implements systems.Process.
func (r *role) Wait(ctx context.Context) ([]byte, error) {
	bound, cancel := r.trial.bound(ctx)
	defer cancel()
	stream, err := r.trial.link.client.AwaitRole(bound, &agentv1.AwaitRoleRequest{Trial: r.trial.id, Name: r.name})
	var out []byte
	for err == nil {
		var part *agentv1.AwaitRoleResponse
		if part, err = stream.Recv(); err == nil {
			out = append(out, part.GetOutput()...)
		}
	}
	if !errors.Is(err, io.EOF) {
		return out, r.fault(bound, err)
	}
	return out, r.trial.pull(bound, r.paths)
}

// Limit implements systems.Limiter.
func (r *role) Limit(cores float64) error {
	return r.trial.ask(&agentv1.SignalRoleRequest{Name: r.name, Act: agentv1.Act_ACT_LIMIT, Cores: cores})
}

// FullDisk implements systems.Filler.
func (r *role) FullDisk(full bool) error {
	if full {
		return r.act(agentv1.Act_ACT_FILL_DISK)
	}
	return r.act(agentv1.Act_ACT_FREE_DISK)
}
