package experiments

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"sync/atomic"
	"time"

	"dyno/bench/fleet"
	"dyno/bench/process"
	"dyno/internal/record"
	"dyno/systems"
)

// trial measures one cell. An error means that the run must stop; a trial that
// merely failed is a record with an Error. What is not valid leaves a bundle:
// the logs of its processes and the trial itself.
func (r *Runner) trial(ctx context.Context, p *Plan, t *Trial, index int) (*record.Trial, string, error) {
	done, bundle, err := r.observe(ctx, p, t, index)
	if err != nil {
		return nil, "", err
	}
	if p.proper(done) && r.Profile {
		return done, "", nil
	}
	if p.proper(done) {
		return done, "", os.RemoveAll(bundle)
	}
	return done, bundle, leave(bundle, done)
}

// observe measures one cell and leaves the logs of its processes in a folder.
func (r *Runner) observe(ctx context.Context, p *Plan, t *Trial, index int) (*record.Trial, string, error) {
	if r.Machines != nil {
		if err := r.Machines.Connect(ctx); err != nil {
			return nil, "", awayError{err}
		}
	}
	bundle := filepath.Join(r.Out, "results", "raw", t.ID)
	if err := errors.Join(os.RemoveAll(bundle), os.MkdirAll(bundle, 0o755)); err != nil {
		return nil, "", unwritable(err)
	}
	done := &record.Trial{
		ID:         t.ID,
		Experiment: p.Name,
		System:     p.System.Name,
		Load:       p.Load,
		Block:      t.Block,
		Cell:       t.Cell.Index,
		Detail:     t.Cell.Detail,
		Control:    t.Cell.Control,
		Values:     record.Values(t.Cell.Values),
		Seed:       t.Seed,
		Warmup:     record.ToSeconds(t.Cell.Warmup),
		Length:     record.ToSeconds(t.Cell.Length),
		Started:    time.Now().UTC(),
	}
	obs, err := r.measure(ctx, p, t, bundle, index, done)
	done.Took = record.ToSeconds(time.Since(done.Started))
	if ctx.Err() != nil {
		return nil, "", errors.Join(context.Cause(ctx), os.RemoveAll(bundle))
	}
	if fleet.Lost(err) && !r.lostIsFinal {
		return nil, "", errors.Join(err, os.RemoveAll(bundle))
	}
	if err != nil {
		done.Error, done.Absent = err.Error(), errors.As(err, new(*systems.AbsentError))
	} else {
		done.Observation = &obs
		if err := certify(done, p.System.Metrics); err != nil {
			return nil, "", err
		}
	}
	return done, bundle, nil
}

// stuck counts the trials of this process that were left to themselves and have not
// returned: what is measured meanwhile is measured beside them.
var stuck atomic.Int64

const flagBeside = "beside a hung trial"

// ended runs a trial. One that does not return although its context has ended, and as
// much time again as it had, is left to itself: a mistake in its code, not in its roles,
// and the stacks of dyno's own goroutines say where.
func ended(
	ctx context.Context, grace time.Duration, dir string, trial func() (record.Observation, error),
) (obs record.Observation, err error) {
	over := make(chan func(), 1)
	go func() {
		o, e := trial()
		over <- func() { obs, err = o, e }
	}()
	select {
	case take := <-over:
		take()
		return obs, err
	case <-ctx.Done():
	}
	select {
	case take := <-over:
		take()
		return obs, err
	case <-time.After(grace):
	}
	stuck.Add(1)
	go func() {
		<-over
		stuck.Add(-1)
	}()
	path := filepath.Join(dir, "dyno.stacks")
	f, err := os.Create(path)
	if err == nil {
		err = errors.Join(pprof.Lookup("goroutine").WriteTo(f, 2), f.Close())
	}
	return record.Observation{}, errors.Join(fmt.Errorf("%w: %s says where", errStuck, path), err)
}

// open opens a bench on this machine, or on those that there are.
func (r *Runner) open(ctx context.Context, p *Plan, seen *lookout, o process.Options) (
	context.Context, process.Bench, error,
) {
	if r.Machines == nil {
		return process.NewGroup(ctx, o)
	}
	return r.Machines.Open(ctx, p.Placement, o, seen.far)
}

// measure runs the system's trial with fresh processes and reaps them.
func (r *Runner) measure(ctx context.Context, p *Plan, t *Trial, dir string, index int, done *record.Trial) (
	obs record.Observation, err error,
) {
	limit := t.Cell.cost() + cmp.Or(r.patience, patience)
	ctx, cancel := context.WithTimeoutCause(ctx, limit,
		fmt.Errorf("%w: stopped after %v; the logs end with the stacks of its goroutines", errHung, limit))
	defer cancel()
	profiles := ""
	if r.Profile {
		profiles = dir
	}
	beside := stuck.Load()
	seen := r.newLookout(dir)
	defer seen.close()
	bench, group, err := r.open(ctx, p, seen, process.Options{
		Env:    seen.here.Env(),
		System: p.System,
		Dir:    dir, Profile: profiles,
		Setting: p.setting(t.Cell, t.Seed),
		Waiting: func(line string) { r.progress(Progress{Plan: p, Note: line}) },
		Logf: func(format string, args ...any) {
			r.progress(Progress{Plan: p, Done: index, Next: t, Left: p.Estimate(index), Message: fmt.Sprintf(format, args...)})
		},
	})
	if err != nil {
		return obs, err
	}
	defer func() {
		if closeErr := group.Close(); err == nil { // else it would say the same again
			err = closeErr
		}
	}()
	stop := r.watch(bench, seen, p, t, group)
	obs, err = ended(bench, limit, dir, func() (record.Observation, error) { return p.System.Trial(bench, group, t.Cell.Values) })
	stop()
	far, _ := group.(*fleet.Bench) // nil: it is on this machine
	if far != nil {
		done.Machines = far.Placed()
	}
	if errors.Is(context.Cause(bench), errHung) {
		err = errors.Join(err, group.Dump())
	}
	if cause := context.Cause(bench); err != nil && cause != nil && !errors.Is(err, errStuck) {
		err = cause // a process died: that is why the rest failed
	}
	if err == nil {
		err = obs.Conform(p.System.Metrics)
	}
	if err == nil {
		err = group.Close() // what its processes counted and used is known once they have ended
	}
	if err == nil {
		err = hold(&obs, group, p.System.Metrics)
	}
	if err == nil {
		if far != nil {
			far.Flag(&obs)
		}
		if !p.System.Knobs.Broken(t.Cell.Values) {
			obs.FlagSilence()
		}
		if beside = max(beside, stuck.Load()); beside > 0 {
			obs.Flag(flagBeside, "%d trials that had hung had not returned: what they still did in dyno itself was done beside this one", beside)
		}
		if f := obs.Failures; f != nil { // where the trial's folder lies says nothing, and will not stay true
			f.First = strings.ReplaceAll(f.First, dir+string(filepath.Separator), "")
		}
		obs.HoldFailures(p.Allowed())
	}
	return obs, err
}
