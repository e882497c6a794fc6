package systemtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"dyno/bench/process"
	"dyno/internal/record"
	"dyno/systems"
)

// A trial whose verdict is unknown is run this often in all, as dyno run does:
// on a busy machine the proof of the conditions fails, not that of the answers.
const attempts = 3

var errUnproven = errors.New("nothing was proved")

// firstStart is when a trial is cancelled that has started no process.
const firstStart = 2 * time.Second

// checkTrial: a trial returns an observation that can be stored, a verdict
// that it is valid, and operations that it rests on. If it can be judged again,
// that comes to the same.
func checkTrial(ctx context.Context, s *subject) error {
	v, err := s.values()
	if err != nil {
		return err
	}
	for range attempts {
		if err = s.tried(ctx, v); !errors.Is(err, errUnproven) {
			break
		}
	}
	return err
}

// tried runs a trial and wants it proven.
func (s *subject) tried(ctx context.Context, v systems.Values) error {
	set := s.opts.Setting
	ctx, cancel := context.WithTimeoutCause(ctx, set.Warmup+set.Length+s.bounds.trial,
		fmt.Errorf("a trial of %v took %v more", set.Warmup+set.Length, s.bounds.trial))
	defer cancel()
	return s.onBench(ctx, set, true, func(ctx context.Context, g *process.Group) error {
		o, err := s.sys.Trial(ctx, g, v)
		if err != nil {
			return errors.Join(fmt.Errorf("trial: %w", err), context.Cause(ctx))
		}
		if err := proven(&o, s.sys.Metrics); err != nil || s.sys.Judge == nil {
			return err
		}
		again, err := s.sys.Judge(s.dir)
		if err != nil {
			return fmt.Errorf("the trial cannot be judged again: %w", err)
		}
		return sameVerdict(o.Verdict, again)
	})
}

// sameVerdict: judged again, a trial is what it was, by the same checks. What
// the engine adds to a verdict comes later.
func sameVerdict(was, again record.Verdict) error {
	if len(was.Checks) != len(again.Checks) {
		return fmt.Errorf("the trial was judged by %d checks, and again by %d", len(was.Checks), len(again.Checks))
	}
	for i, c := range was.Checks {
		if again.Checks[i] != c {
			return fmt.Errorf("judged again the trial comes to another verdict: %+v was %+v", again.Checks[i], c)
		}
	}
	return nil
}

func (s *subject) values() (systems.Values, error) {
	if s.sys.Trial == nil {
		return nil, errors.New("the system has no trial")
	}
	return s.sys.Resolve(s.opts.Values)
}

// proven reports an observation that must not be shown, or shows nothing.
func proven(o *record.Observation, metrics []record.Metric) error {
	if err := o.Conform(metrics); err != nil {
		return fmt.Errorf("the observation does not conform: %w", err)
	}
	if o.Verdict.Status == record.Undetermined {
		return fmt.Errorf("the verdict is %s: %s: %w", o.Verdict.Status, strings.Join(o.Verdict.Reasons(), "; "), errUnproven)
	}
	if o.Verdict.Status != record.Valid {
		return fmt.Errorf("the verdict is %s: %s", o.Verdict.Status, strings.Join(o.Verdict.Reasons(), "; "))
	}
	if o.Counts.OK == 0 {
		return fmt.Errorf("no operation succeeded: %+v", o.Counts)
	}
	if len(o.Scalars)+len(o.Histograms)+len(o.Vectors)+len(o.Series) == 0 {
		return errors.New("the observation holds no figure")
	}
	return nil
}

// errOver is a trial that has no middle to be cancelled in.
var errOver = errors.New("the trial was over before it could be cancelled, though it was to last a minute")

// checkCancelledTrial: a trial whose context is cancelled in the middle
// returns soon, with an error, and leaves no process. A trial that does not
// last for a set time may need to be cancelled the sooner.
func checkCancelledTrial(ctx context.Context, s *subject) error {
	var err error
	for _, delay := range []time.Duration{500 * time.Millisecond, 50 * time.Millisecond, 0} {
		if err = s.cancelled(ctx, delay); !errors.Is(err, errOver) {
			return err
		}
	}
	return err
}

// cancelled runs a trial and cancels it some time after it has last started a
// process.
func (s *subject) cancelled(ctx context.Context, delay time.Duration) error {
	v, err := s.values()
	if err != nil {
		return err
	}
	set := s.opts.Setting
	set.Length = time.Minute
	// How roles end that are cut off in their work is their affair.
	return s.onBench(ctx, set, false, func(ctx context.Context, g *process.Group) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		timer := time.AfterFunc(firstStart, cancel)
		defer timer.Stop()
		bench := &watchedBench{Bench: g, started: func() { timer.Reset(delay) }}
		result := make(chan error, 1)
		go func() {
			_, err := s.sys.Trial(ctx, bench, v)
			result <- err
		}()
		return s.awaitCancelled(ctx, result)
	})
}

// awaitCancelled judges how a trial returns whose context is going to end.
func (s *subject) awaitCancelled(ctx context.Context, result <-chan error) error {
	select {
	case err := <-result:
		switch {
		case ctx.Err() != nil: // both at once
			return judgeCancelled(err)
		case err != nil:
			return fmt.Errorf("the trial failed before it was cancelled: %w", err)
		}
		return errOver
	case <-ctx.Done():
	}
	select {
	case err := <-result:
		return judgeCancelled(err)
	case <-time.After(s.bounds.cancel):
		return fmt.Errorf("the trial did not return within %v of the end of its context", s.bounds.cancel)
	}
}

func judgeCancelled(err error) error {
	if err == nil {
		return errors.New("the trial returned no error, though its context was cancelled in the middle: half a measurement passes for a " +
			"whole one")
	}
	return nil
}

// watchedBench tells when a process has been started.
type watchedBench struct {
	systems.Bench
	started func()
}

func (b *watchedBench) Start(ctx context.Context, l systems.Launch) (systems.Process, error) {
	p, err := b.Bench.Start(ctx, l)
	b.started()
	return p, err
}
