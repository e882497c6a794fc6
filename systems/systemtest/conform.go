package systemtest

import (
	"context"
	"testing"
	"text/template"
	"time"

	"dyno/bench/process"
	"dyno/internal/record"
	"dyno/systems"
)

// Options says how to exercise a system. The zero value fits one whose roles
// need no arguments and whose default knobs make a short trial.
type Options struct {
	// RoleArgs returns the arguments with which a role that serves can be
	// started alone, beside --listen. It may first start what the role needs
	// on the bench, which is fresh for every call. Nil: none.
	RoleArgs func(ctx context.Context, role string, b systems.Bench) ([]string, error)

	// Values are the knobs of the trial; those that are missing have their
	// defaults.
	Values map[string]string

	// Setting of the trial; what is zero becomes: seed 1, a closed loop, 200 ms
	// of warm-up and 500 ms of measurement. The trial that is cancelled is set
	// to last a minute.
	Setting systems.Setting

	// Funcs are the functions that the Report template may call. Nil: the
	// template is not looked at.
	Funcs template.FuncMap
}

func (o Options) complete() Options {
	if o.RoleArgs == nil {
		o.RoleArgs = func(context.Context, string, systems.Bench) ([]string, error) { return nil, nil }
	}
	s := &o.Setting
	if s.Seed == 0 {
		s.Seed = 1
	}
	if s.Load == (record.Load{}) {
		s.Load = record.Load{Loop: "closed"}
	}
	if s.Warmup == 0 {
		s.Warmup = 200 * time.Millisecond
	}
	if s.Length == 0 {
		s.Length = 500 * time.Millisecond
	}
	return o
}

// Conform runs the suite, a subtest per check. It starts real processes: the
// package's TestMain must be [Main]. It must not run beside other tests that
// start processes, since it takes those it did not see before for left behind.
func Conform(t *testing.T, sys *systems.System, opts Options) {
	t.Helper()
	for _, c := range checks(sys) {
		t.Run(c.name, func(t *testing.T) {
			s := &subject{sys: sys, opts: opts.complete(), dir: t.ArtifactDir(), logf: t.Logf, bounds: generous}
			if err := c.run(t.Context(), s); err != nil {
				t.Error(err)
			}
		})
	}
}

// subject is a system under test.
type subject struct {
	sys    *systems.System
	opts   Options
	dir    string // for logs
	logf   func(format string, args ...any)
	bounds bounds
}

// bounds are how long a system may take for what is not to take long. Nothing
// is measured against them: they end the wait for what will not happen.
type bounds struct {
	ready  time.Duration // from the start of a role to its first healthy answer
	rpc    time.Duration // for one call
	stop   time.Duration // from SIGTERM to the end of a role
	trial  time.Duration // for a trial beside its warm-up and length
	cancel time.Duration // from the end of its context to the return of a trial
	gone   time.Duration // from the end of a bench to that of every process it led to
}

var generous = bounds{
	ready: process.DefaultReady, rpc: 5 * time.Second, stop: 10 * time.Second,
	trial: time.Minute, cancel: 15 * time.Second, gone: 5 * time.Second,
}

// check is one clause of the contract.
type check struct {
	name string
	run  func(context.Context, *subject) error
}

// checks are all that apply to a system, cheap ones first.
func checks(sys *systems.System) []check {
	all := []check{
		{"names", static(checkNames)},
		{"help", static(checkHelp)},
		{"knobs", static(checkKnobs)},
		{"metrics", static(checkMetrics)},
		{"flags", static(checkFlags)},
		{"report", func(_ context.Context, s *subject) error { return checkReport(s.sys, s.opts.Funcs) }},
	}
	for _, r := range sys.Roles {
		if r.Serves {
			all = append(all,
				check{"serves/" + r.Name, ofRole(r, checkServes)},
				check{"restarts/" + r.Name, ofRole(r, checkRestarts)},
				check{"busy-port/" + r.Name, ofRole(r, checkBusyPort)})
		}
	}
	return append(all, check{"trial", checkTrial}, check{"cancelled-trial", checkCancelledTrial})
}

func static(f func(*systems.System) error) func(context.Context, *subject) error {
	return func(_ context.Context, s *subject) error { return f(s.sys) }
}

func ofRole(r systems.Role, f func(context.Context, *subject, systems.Role) error) func(context.Context, *subject) error {
	return func(ctx context.Context, s *subject) error { return f(ctx, s, r) }
}
