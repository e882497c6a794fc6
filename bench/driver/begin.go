package driver

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"dyno/bench/load"
	"dyno/systems"
)

// Under is a generator under load, in a process of its own.
type Under struct {
	name  string
	ended chan ended
}

type ended struct {
	out []byte
	err error
}

// beginPause is the time between two looks whether the load has begun.
const beginPause = time.Millisecond

// Begin starts a generator's role and returns when its load begins: what is to
// happen to the servers while they are under load counts from there. A process may
// take longer to start than a fault to strike. Those that others wrote do not say
// when they begin.
func Begin(ctx context.Context, b systems.Bench, l systems.Launch) (*Under, error) {
	u := &Under{name: l.Name, ended: make(chan ended, 1)}
	path := ""
	if !IsWitness(l.Name) {
		dir, err := b.Dir("load")
		if err != nil {
			return nil, err
		}
		path = filepath.Join(dir, "begun")
		l.Args = append(l.Args[:len(l.Args):len(l.Args)], "--begun", path)
	}
	generator, err := b.Start(ctx, l)
	if err != nil {
		return nil, err
	}
	go func() {
		out, err := generator.Wait(ctx)
		u.ended <- ended{out, err}
	}()
	if path == "" {
		return u, nil
	}
	return u, u.await(ctx, b, path)
}

// await waits until a generator has made its file, on whatever machine it is, or
// has ended.
func (u *Under) await(ctx context.Context, b systems.Bench, path string) error {
	tick := time.NewTicker(beginPause)
	defer tick.Stop()
	for {
		if err := systems.Fetch(ctx, b, path); err != nil {
			return err
		}
		if _, err := os.Stat(path); err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case e := <-u.ended: // it never began: End says why
			u.ended <- e
			return nil
		}
	}
}

// End waits for the generator's end and reads the JSON that it prints.
func (u *Under) End(into any) error {
	e := <-u.ended
	if e.err != nil {
		return e.err
	}
	if err := json.Unmarshal(e.out, into); err != nil {
		return fmt.Errorf("the result of %s: %w", u.name, err)
	}
	return nil
}

// announced is a loop that says when it begins.
type announced struct {
	Single
	path string
}

// Run implements Single.
func (a announced) Run(ctx context.Context, op load.Op) (load.Result, error) {
	if err := os.WriteFile(a.path, nil, 0o644); err != nil {
		return load.Result{}, fmt.Errorf("--begun: %w", err)
	}
	return a.Single.Run(ctx, op)
}

// announce makes loops say when they begin, if somebody wants to know.
func (f *Flags) announce(m *Model) {
	wrap := m.Wrap
	if f.begun == "" {
		return
	}
	m.Wrap = func(l Single) Single {
		if wrap != nil {
			l = wrap(l)
		}
		return announced{l, f.begun}
	}
}
