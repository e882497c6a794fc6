package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"dyno/bench/process"
	"dyno/bench/sample"
	"dyno/internal/record"
	agentv1 "dyno/proto/agent/v1"
	"dyno/systems"
)

// Trial is a trial's part on one machine: what a [process.Group] is where there is
// no other.
type Trial struct {
	// Reference is the clock by which windows of the trial are given; nil: this
	// machine's.
	Reference func() Clock

	machine *Machine
	link    *session
	opts    process.Options
	told    func(machine string, live []byte)
	id      uint64
	folder  string             // on the machine; opts.Dir here
	calls   context.Context    // of all calls but those that a trial bounds; ends when the machine is lost
	hangUp  context.CancelFunc // ends the trial on the machine
	cancel  context.CancelCauseFunc
	copies  copies
	pieces  pieces
	closed  func() error

	mu        sync.Mutex
	names     []string      // of what was started
	throttled time.Duration // as the machine told at the end
}

// Open opens a trial on a machine that is connected. The context that it returns ends
// with the given one, when a process ends that nobody asked to, or when the machine is
// lost. The trial must be closed.
// What its processes tell of their load meanwhile is handed to told; nil: they are not
// asked. What they write is kept in [LostDir], as far as the machine's share among so many
// reaches.
func (m *Machine) Open(ctx context.Context, o process.Options, told func(machine string, live []byte), among int) (
	context.Context, *Trial, error,
) {
	l := m.now()
	t := &Trial{machine: m, link: l, opts: o, told: told, copies: copies{seen: make(map[string]version)}}
	t.pieces.dir = filepath.Join(o.Dir, LostDir, m.Name)
	era := l.present()
	t.calls, t.hangUp = context.WithCancel(era)
	opened := context.AfterFunc(ctx, t.hangUp) // the agent may not be done with the trial before
	stream, err := l.client.OpenTrial(t.calls, &agentv1.OpenTrialRequest{
		System: o.System.Name, Seed: o.Setting.Seed, Impl: o.Setting.Impl, ReadyNs: int64(o.Ready), GraceNs: int64(o.Grace),
		Live: told != nil, LookBytes: lookBytes / int64(max(among, 1)),
	})
	var first *agentv1.OpenTrialResponse
	if err == nil {
		first, err = stream.Recv()
	}
	opened()
	if err != nil && ctx.Err() != nil {
		t.hangUp()
		return nil, nil, fmt.Errorf("machine %s: its agent had not opened the trial: %w", m.Name, context.Cause(ctx))
	}
	if err != nil {
		t.hangUp()
		return nil, nil, fmt.Errorf("machine %s: %w", m.Name, t.fault(err))
	}
	t.id, t.folder = first.GetTrial(), first.GetFolder()
	ctx, t.cancel = context.WithCancelCause(ctx)
	t.closed = sync.OnceValue(t.close)
	go t.listen(stream)
	return ctx, t, nil
}

// listen takes in what happens on the machine, until it forgets the trial for the
// next one.
func (t *Trial) listen(stream grpc.ServerStreamingClient[agentv1.OpenTrialResponse]) {
	defer t.hangUp()
	for {
		event, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF) && t.calls.Err() == nil:
			t.cancel(&LostError{t.machine.Name, "its agent has ended the trial"})
			return
		case err != nil:
			t.cancel(t.fault(err))
			return
		case event.GetFailure() != nil:
			t.cancel(t.local(failureIn(event.GetFailure())))
		case event.GetLive() != nil:
			if t.told != nil {
				t.told(t.machine.Name, event.GetLive())
			}
		case event.GetPiece() != nil:
			t.pieces.keep(event.GetPiece())
		case event.GetLog() != "":
			t.opts.Logf("%s: %s", t.machine.Name, event.GetLog())
		}
	}
}

// fault is what a failed call says to a trial: that the machine is lost, if it is.
func (t *Trial) fault(err error) error {
	if err == nil {
		return nil
	}
	if lost, ok := errors.AsType[*LostError](context.Cause(t.calls)); ok {
		return lost
	}
	if broken := t.link.failure(); broken != nil {
		return ended(t.machine.Name, broken)
	}
	if status.Code(err) == codes.Unavailable { // the heartbeat has not noticed yet
		t.link.fail(err)
		return ended(t.machine.Name, t.link.failure())
	}
	return t.local(fromStatus(err))
}

// local tells of a failure with the paths of this machine.
func (t *Trial) local(err error) error {
	f, ok := errors.AsType[*process.Failure](err)
	if !ok {
		return err
	}
	there := strings.NewReplacer(t.folder, t.opts.Dir)
	for _, lines := range [][]string{f.Args, f.Log} {
		for i := range lines {
			lines[i] = there.Replace(lines[i])
		}
	}
	return f
}

// bound is the context of a call: the caller's, or until the machine is lost.
func (t *Trial) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(t.calls, func() { cancel(context.Cause(t.calls)) })
	return ctx, func() { stop(); cancel(nil) }
}

// Start starts a role there, as [process.Group.Start] does.
func (t *Trial) Start(ctx context.Context, l systems.Launch) (systems.Process, error) {
	if l.TLS != nil {
		return nil, fmt.Errorf("%s %s: its credentials are in this process only: another machine cannot ask whether it is ready", l.Role,
			l.Name)
	}
	ctx, cancel := t.bound(ctx)
	defer cancel()
	paths := t.named(l.Args)
	if err := t.push(ctx, paths, true); err != nil {
		return nil, err
	}
	t.mu.Lock()
	t.names = append(t.names, l.Name)
	t.mu.Unlock()
	args := slices.Clone(l.Args)
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], t.opts.Dir, t.folder)
	}
	r := &role{trial: t, name: l.Name, paths: paths}
	return r, r.start(ctx, &agentv1.StartRoleRequest{
		Trial: t.id, Role: l.Role, Name: l.Name, Args: args, Cpus: int32(l.CPUs),
		Whole: l.Whole, Expendable: l.Expendable, Spawns: l.Spawns,
	})
}

// Dump makes all processes there write their stacks to their logs and end.
func (t *Trial) Dump() error { return t.ask(&agentv1.SignalRoleRequest{Act: agentv1.Act_ACT_DUMP}) }

// ask has something done that needs no bound of its own.
func (t *Trial) ask(req *agentv1.SignalRoleRequest) error {
	ctx, cancel := context.WithTimeout(t.calls, askTimeout)
	defer cancel()
	req.Trial = t.id
	_, err := t.link.client.SignalRole(ctx, req)
	return t.fault(err)
}

// Close ends all processes there and fetches their logs. What they are charged for is
// still to be had, by [Trial.Witness].
func (t *Trial) Close() error { return t.closed() }

func (t *Trial) close() error {
	ctx, cancel := context.WithTimeout(t.calls, askTimeout)
	defer cancel()
	_, err := t.link.client.EndTrial(ctx, &agentv1.EndTrialRequest{Trial: t.id})
	err = t.fault(err)
	t.mu.Lock()
	defer t.mu.Unlock()
	var logs []string
	for _, name := range t.names {
		logs = append(logs, name+".log")
	}
	if pullErr := t.pull(ctx, logs); err == nil {
		err = pullErr
	}
	t.pieces.end(err == nil)
	t.cancel(context.Canceled)
	return err
}

// Witness adds what the machine saw of its processes in the window of some evidence.
func (t *Trial) Witness(e *record.Evidence) error {
	shift, uncertain := t.shift()
	req := &agentv1.WitnessRequest{Trial: t.id, SlackNs: e.Slack + int64(uncertain)}
	if e.End > e.Begin {
		req.BeginUnixNs, req.EndUnixNs = e.Begin+int64(shift), e.End+int64(shift)
	}
	ctx, cancel := context.WithTimeout(t.calls, askTimeout)
	defer cancel()
	resp, err := t.link.client.Witness(ctx, req)
	if err != nil {
		return t.fault(err)
	}
	var there witnessed
	if err := json.Unmarshal(resp.GetEvidence(), &there); err != nil {
		return fmt.Errorf("machine %s: its evidence cannot be read: %w", t.machine.Name, err)
	}
	e.Tick, e.Machine = max(e.Tick, there.Tick), e.Machine+there.Machine
	e.Processes = append(e.Processes, there.Processes...)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.throttled = there.Throttled
	return nil
}

// Throttled is the processor time that a quota denied the machine during the trial,
// as [Trial.Witness] was told.
func (t *Trial) Throttled() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.throttled
}

// shift is how far the machine's clock is ahead of the trial's reference.
func (t *Trial) shift() (shift, uncertain time.Duration) {
	own, by := t.link.clock.best(), Clock{}
	if t.Reference != nil {
		by = t.Reference()
	}
	if own == by { // one machine's
		return 0, 0
	}
	return own.Ahead - by.Ahead, own.Uncertain + by.Uncertain
}

// Sample implements [sample.Machine].
func (t *Trial) Sample(ctx context.Context, names, spawning []string, interval time.Duration) (
	stop func() (sample.Told, error), err error,
) {
	ctx, cancel := t.bound(ctx)
	stream, err := t.link.client.SampleRoles(ctx)
	if err == nil {
		err = stream.Send(&agentv1.SampleRolesRequest{Trial: t.id, Names: names, Spawning: spawning, IntervalNs: int64(interval)})
	}
	if err == nil || errors.Is(err, io.EOF) {
		_, err = stream.Recv()
	}
	if err != nil {
		cancel()
		return nil, t.fault(err)
	}
	return func() (told sample.Told, err error) {
		defer cancel()
		if err := stream.CloseSend(); err != nil {
			return told, t.fault(err)
		}
		told.Ahead, told.Uncertain = t.shift()
		for {
			part, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				return told, nil
			}
			if err != nil {
				return told, t.fault(err)
			}
			told.Samples = append(told.Samples, part.GetSamples()...)
		}
	}, nil
}
