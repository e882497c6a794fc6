package systemtest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"dyno/bench/process"
	"dyno/internal/record"
	"dyno/systems"
)

// Try runs one trial in real processes, with seed 1 and a closed loop where the
// setting says nothing else. What it observes can be stored, and its verdict, which
// may be any, comes out the same when it is judged again. The test is skipped where
// software is missing that the trial needs.
func Try(t *testing.T, sys *systems.System, set systems.Setting, values map[string]string) record.Observation {
	t.Helper()
	v, err := sys.Resolve(values)
	if err != nil {
		t.Fatal(err)
	}
	opts := Options{Setting: set}.complete()
	set.Seed, set.Load = opts.Setting.Seed, opts.Setting.Load
	dir := t.ArtifactDir()
	ctx, g, err := process.NewGroup(t.Context(), process.Options{System: sys, Setting: set, Dir: dir, Logf: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	o, err := sys.Trial(ctx, g, v)
	if err := errors.Join(err, g.Close()); err != nil {
		if errors.As(err, new(*systems.AbsentError)) {
			t.Skip(err)
		}
		t.Fatal(err, context.Cause(ctx))
	}
	if err := o.Conform(sys.Metrics); err != nil {
		t.Error(err)
	}
	if sys.Judge != nil {
		again, err := sys.Judge(dir)
		if err := errors.Join(err, sameVerdict(o.Verdict, again)); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%s: %v %v, %+v", values, o.Scalars, o.Verdict.Reasons(), o.Counts)
	return o
}

// Caught are the checks that failed, in order, with commas.
func Caught(v record.Verdict) string {
	var names []string
	for _, c := range v.Checks {
		if c.Status == record.Invalid {
			names = append(names, c.Name)
		}
	}
	return strings.Join(names, ",")
}
