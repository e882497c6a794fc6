package fleet

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"dyno/bench/agent"
	"dyno/bench/inject"
	"dyno/bench/link"
	"dyno/bench/process"
	"dyno/internal/record"
	"dyno/systems"
)

// Bench is a [systems.Bench] whose roles are processes of several machines.
type Bench struct {
	*process.Group // of this machine, which has the folders and no process
	plan           plan
	fleet          *Fleet
	parts          []*agent.Trial
	closed         func() error

	mu        sync.Mutex
	placed    map[string]int // machines, by process
	serving   map[int]bool   // machines
	driving   map[int]bool
	reference *agent.Machine // of whoever drives the load; nil: nobody yet
}

var (
	_ process.Bench     = (*Bench)(nil)
	_ systems.Publisher = (*Bench)(nil)
	_ inject.Linker     = (*Bench)(nil)
)

// Open opens a trial on all machines, which are connected. What generators tell of
// their load meanwhile ([load.Live]) is handed to told; nil: they are not asked.
func (f *Fleet) Open(ctx context.Context, p *record.Placement, o process.Options, told func(machine string, live []byte)) (
	context.Context, *Bench, error,
) {
	var err error
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return nil, nil, err
	}
	b := &Bench{
		plan: plan{o.System, p, len(f.machines)}, fleet: f, parts: make([]*agent.Trial, len(f.machines)),
		placed: make(map[string]int), serving: make(map[int]bool), driving: make(map[int]bool),
	}
	ctx, b.Group, err = process.NewGroup(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	b.closed = sync.OnceValue(b.close)
	ctx, end := context.WithCancelCause(ctx)
	err = f.each(func(i int, m *agent.Machine) error {
		part, trial, err := m.Open(ctx, o, told, len(f.machines))
		if err != nil {
			return err
		}
		b.parts[i], trial.Reference = trial, b.clock
		context.AfterFunc(part, func() { end(context.Cause(part)) })
		return nil
	})
	if err != nil {
		return nil, nil, errors.Join(err, b.Close())
	}
	return ctx, b, nil
}

// clock is that of the machine whose figures give the windows.
func (b *Bench) clock() agent.Clock {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.reference == nil {
		return agent.Clock{}
	}
	return b.reference.Clock()
}

// Start implements [systems.Bench].
func (b *Bench) Start(ctx context.Context, l systems.Launch) (systems.Process, error) {
	at := b.place(l.Role, l.Name)
	b.mu.Lock()
	if b.plan.generates(l.Role) {
		b.driving[at], b.reference = true, b.fleet.machines[at]
	} else {
		b.serving[at] = true
	}
	b.mu.Unlock()
	return b.parts[at].Start(ctx, l)
}

// place gives a process its machine.
func (b *Bench) place(role, name string) int {
	at := b.plan.on(role, name)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.placed[name] = at
	return at
}

// of is the part of the trial on the machine of a process.
func (b *Bench) of(name string) (*agent.Trial, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at, ok := b.placed[name]
	if !ok {
		return nil, fmt.Errorf("no machine has %s yet: it is neither started nor has it an address", name)
	}
	return b.parts[at], nil
}

// Address implements [systems.Bench].
func (b *Bench) Address(ctx context.Context, role, name string) (string, error) {
	return b.parts[b.place(role, name)].Address(ctx)
}

// OpenLink implements [inject.Linker]: a link is on the machine of whom it leads to.
func (b *Bench) OpenLink(o link.Options) (link.Far, error) {
	t, err := b.of(o.To)
	if err != nil {
		return nil, err
	}
	return t.OpenLink(o)
}

// Ahead implements [systems.Publisher].
func (b *Bench) Ahead(name string) (ahead, uncertain time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.fleet.machines[b.placed[name]].Clock()
	return c.Ahead, c.Uncertain
}

// Publish implements [systems.Publisher].
func (b *Bench) Publish(ctx context.Context, paths ...string) error {
	return b.each(func(t *agent.Trial) error { return t.Publish(ctx, paths) })
}

// Fetch implements [systems.Publisher].
func (b *Bench) Fetch(ctx context.Context, paths ...string) error {
	return b.each(func(t *agent.Trial) error { return t.Fetch(ctx, paths) })
}

func (b *Bench) each(do func(*agent.Trial) error) error {
	return b.fleet.each(func(i int, _ *agent.Machine) error {
		if b.parts[i] == nil { // it could not be opened
			return nil
		}
		return do(b.parts[i])
	})
}

// Placed says on which machine each process ran.
func (b *Bench) Placed() map[string]string {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make(map[string]string, len(b.placed))
	for name, at := range b.placed {
		out[name] = b.fleet.machines[at].Name
	}
	return out
}

// Witness implements [process.Bench]. What a machine does not tell the figures cannot
// be held against.
func (b *Bench) Witness(e *record.Evidence) error {
	for i, t := range b.parts {
		if err := t.Witness(e); err != nil {
			return err
		}
		e.Cores += int(b.fleet.machines[i].Info().GetCores())
	}
	return nil
}

// Dump implements [process.Bench].
func (b *Bench) Dump() error { return b.each((*agent.Trial).Dump) }

// Close implements [process.Bench].
func (b *Bench) Close() error { return b.closed() }

func (b *Bench) close() error {
	return errors.Join(b.each((*agent.Trial).Close), b.Group.Close())
}
