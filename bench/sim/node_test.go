package sim_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"dyno/bench/sim"
)

const ms = time.Millisecond

// script is a node made of functions, any of which may be missing.
type script struct {
	env     *sim.Env
	init    func(*sim.Env)
	receive func(env *sim.Env, from sim.ID, msg any)
	timer   func(env *sim.Env, tag uint64)
	synced  func(env *sim.Env, tag uint64, err error)
}

func (s *script) Init(env *sim.Env) {
	s.env = env
	if s.init != nil {
		s.init(env)
	}
}

func (s *script) Receive(from sim.ID, msg any) {
	if s.receive != nil {
		s.receive(s.env, from, msg)
	}
}

func (s *script) Timer(tag uint64) {
	if s.timer != nil {
		s.timer(s.env, tag)
	}
}

func (s *script) Synced(tag uint64, err error) {
	if s.synced != nil {
		s.synced(s.env, tag, err)
	}
}

// scripted returns a start function; every life gets a copy.
func scripted(s script) func() sim.Node {
	return func() sim.Node { life := s; return &life }
}

// diary notes what happens when.
type diary []string

func (d *diary) note(env *sim.Env, format string, args ...any) {
	*d = append(*d, fmt.Sprintf("%v ", env.Now())+fmt.Sprintf(format, args...))
}

func (d *diary) want(t *testing.T, lines ...string) {
	t.Helper()
	if got, want := strings.Join(*d, "\n"), strings.Join(lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// listener notes all that reaches it.
func (d *diary) listener() script {
	return script{
		receive: func(env *sim.Env, from sim.ID, msg any) { d.note(env, "%d says %v", from, msg) },
		timer:   func(env *sim.Env, tag uint64) { d.note(env, "timer %d", tag) },
		synced:  func(env *sim.Env, tag uint64, err error) { d.note(env, "synced %d %v", tag, err) },
	}
}

// ticker calls do with 0, 1, 2 … n-1, the first time after one interval.
func ticker(interval time.Duration, n uint64, do func(env *sim.Env, i uint64)) script {
	return script{
		init: func(env *sim.Env) { env.SetTimer(interval, 0) },
		timer: func(env *sim.Env, i uint64) {
			do(env, i)
			if i+1 < n {
				env.SetTimer(interval, i+1)
			}
		},
	}
}

func newWorld(t *testing.T, cfg sim.Config, faults string) *sim.World {
	t.Helper()
	s, err := sim.ParseSchedule(faults)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Faults = s
	w, err := sim.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func mustRun(t *testing.T, w *sim.World) {
	t.Helper()
	if err := w.Run(); err != nil {
		t.Fatal(err)
	}
}

func constant(d time.Duration) sim.Link { return sim.Link{Delay: sim.Delay{Base: d}} }
