package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"dyno/internal/record"
	"dyno/systems"
)

// errClosed is why the context of a closed group has ended.
var errClosed = errors.New("the process group is closed")

// Group is a [systems.Bench] whose roles are processes of this machine. It is
// safe for concurrent use.
type Group struct {
	opts     Options
	ctx      context.Context
	cancel   context.CancelCauseFunc
	spawner  *spawner
	witness  *witness
	starting sync.WaitGroup // calls of Start under way
	closed   func() error
	waiting  sync.Once    // somebody has been told of a program that is not ready
	reserved atomic.Int64 // addresses of members that are down
	caging   sync.Mutex
	cage     *cage // of programs that stand in for roles; nil: there are none

	mu       sync.Mutex
	names    map[string]bool // ever started, or about to be
	members  []*member
	children []*child // all lives of the members, in the order of their start
	living   int      // children, and those about to be
	starts   int      // ever
	dirs     map[string]string
	kept     []io.Closer // addresses of members to come
}

// Bench is what the engine needs of the bench of a trial, wherever its processes
// are. A [Group] is one.
type Bench interface {
	systems.Bench
	Witness(*record.Evidence) error // after Close; see [Group.Witness]
	Dump() error
	Close() error
}

var _ Bench = (*Group)(nil)

// NewGroup returns an empty group and the context of its trial. That context
// ends with ctx, with Close, or when a process ends that nobody asked to: then
// its cause is a [*Failure]. A role that does not serve and exits with
// status 0 has done its work. The group must be closed.
func NewGroup(ctx context.Context, opts Options) (context.Context, *Group, error) {
	opts, err := opts.complete()
	if err != nil {
		return nil, nil, err
	}
	g := &Group{opts: opts, names: make(map[string]bool), dirs: make(map[string]string)}
	g.ctx, g.cancel = context.WithCancelCause(ctx)
	g.spawner = newSpawner()
	g.witness = newWitness()
	g.closed = sync.OnceValue(g.close)
	return g.ctx, g, nil
}

// Setting implements [systems.Bench].
func (g *Group) Setting() systems.Setting { return g.opts.Setting }

// Logf implements [systems.Bench].
func (g *Group) Logf(format string, args ...any) { g.opts.Logf(format, args...) }

// Start implements [systems.Bench]. A process that dies before it is ready, or
// is not ready in time, is a [*Failure]; it is gone when Start returns.
func (g *Group) Start(ctx context.Context, l systems.Launch) (systems.Process, error) {
	role, err := g.opts.role(l)
	if err != nil {
		return nil, err
	}
	if err := g.admit(ctx, l.Name); err != nil {
		return nil, fmt.Errorf("%s %s was not started: %w", role.Name, l.Name, err)
	}
	defer g.starting.Done()
	m := &member{group: g, role: role, launch: l}
	if err := m.start(ctx); err != nil {
		return nil, err
	}
	return m, nil
}

// Address implements [systems.Bench].
func (g *Group) Address(context.Context, string, string) (string, error) {
	held, addr, err := reserve(g.opts.anywhere())
	if err != nil || held == nil {
		return addr, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ctx.Err() != nil { // nobody would give it back
		return "", errors.Join(contextError(g.ctx), held.Close())
	}
	if len(g.kept) >= g.opts.Limit {
		return "", errors.Join(fmt.Errorf("%d addresses are kept already, as many as there may be processes", g.opts.Limit), held.Close())
	}
	g.kept = append(g.kept, held)
	return addr, nil
}

// admit reserves a name, empty for one that the trial has already, and keeps
// Close waiting until the start is over.
func (g *Group) admit(ctx context.Context, name string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.ctx.Err() != nil:
		return contextError(g.ctx)
	case ctx.Err() != nil:
		return contextError(ctx)
	case g.names[name]:
		return fmt.Errorf("the trial has a process of that name already; names are unique, for logs bear them")
	case g.living >= g.opts.Limit:
		return fmt.Errorf("the limit of %d processes at once is reached", g.opts.Limit)
	case g.starts >= maxStarts:
		return fmt.Errorf("%d processes have been started, which is as many as a trial may", maxStarts)
	}
	if name != "" {
		g.names[name] = true
	}
	g.living++
	g.starts++
	g.starting.Add(1)
	return nil
}

// leave makes room for another process.
func (g *Group) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.living--
}

// Info is a process that the group started.
type Info struct {
	Name, Role string
	PID        int
	Exit       *Exit // nil while it runs
}

// Exit is how a process ended and what it had used, its waited-for children
// included.
type Exit struct {
	Code         int // exit status; -1 when a signal ended it
	User, System time.Duration
}

// Processes lists all processes in the order of their start, ended ones
// included.
func (g *Group) Processes() []Info {
	g.mu.Lock()
	defer g.mu.Unlock()
	infos := make([]Info, len(g.children))
	for i, c := range g.children {
		infos[i] = c.info()
	}
	return infos
}

// Close ends all processes, last started first, and waits until they are
// reaped: it asks (SIGTERM), waits for the grace, and kills. It reports every
// process that died unasked, had to be killed, or ended with a status other
// than 0. Further calls return the same.
func (g *Group) Close() error { return g.closed() }

func (g *Group) close() error {
	g.mu.Lock()
	g.cancel(errClosed) // under the lock: who is not admitted by now never is
	g.mu.Unlock()
	g.starting.Wait() // the context has ended: Start calls return soon
	err := errors.Join(stopAll(g.children, g.opts.Grace), g.cage.close())
	g.witness.close()
	g.spawner.close() // last: its thread is what the kernel ties the processes to
	for _, m := range g.members {
		m.release()
	}
	for _, held := range g.kept {
		_ = held.Close()
	}
	return errors.Join(err, g.trim())
}

// stopAll asks all children at once and gives them one grace to share.
func stopAll(children []*child, grace time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(context.Background(), grace, fmt.Errorf("it ignored SIGTERM for %v", grace))
	defer cancel()
	errs := make([]error, len(children))
	var running sync.WaitGroup
	for i, c := range slices.Backward(children) {
		done, err := c.terminate()
		if done || err != nil {
			errs[i] = err
			continue
		}
		running.Go(func() { errs[i] = c.awaitStop(ctx) })
	}
	running.Wait()
	return errors.Join(errs...)
}
