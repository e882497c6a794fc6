package rival

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"dyno/bench/driver"
	"dyno/bench/process"
	"dyno/bench/rival"
	"dyno/bench/visit"
	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/systemtest"
)

// toy is a system of nothing but its rivals.
var toy = Arm().Join(systems.System{
	Name: "toy", Roles: Roles("toy"), Knobs: driver.Knobs("constant"), Metrics: driver.Metrics(record.Road{}),
})

func TestMain(m *testing.M) { systemtest.Main(m, systemtest.Run(toy)) }

// trial measures one cell; the test is skipped where software is missing.
func trial(t *testing.T, values map[string]string) record.Observation {
	t.Helper()
	v, err := toy.Resolve(values)
	if err != nil {
		t.Fatal(err)
	}
	set := systems.Setting{Seed: 1, Load: record.Load{Loop: driver.Closed}, Warmup: 100 * time.Millisecond, Length: 500 * time.Millisecond}
	dir := t.TempDir()
	ctx, g, err := process.NewGroup(t.Context(), process.Options{System: toy, Dir: dir, Setting: set, Logf: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	o, err := toy.Trial(ctx, g, v)
	if err := errors.Join(err, g.Close()); err != nil {
		if errors.As(err, new(*systems.AbsentError)) {
			t.Skip(err)
		}
		t.Fatal(err, context.Cause(ctx))
	}
	if err := o.Conform(toy.Metrics); err != nil {
		t.Error(err)
	}
	if again, err := toy.Judge(dir); err != nil || !slices.Equal(again.Reasons(), o.Verdict.Reasons()) {
		t.Errorf("by its bundle the trial is %v, %v; it was %v", again.Reasons(), err, o.Verdict.Reasons())
	}
	t.Logf("%s: %v %v, %+v; write p50 %v, read p50 %v", values, o.Scalars, o.Verdict.Reasons(), o.Counts,
		o.Histograms["rival_write"].Quantile(0.5), o.Histograms["rival_read"].Quantile(0.5))
	return o
}

func caught(v record.Verdict) string {
	var names []string
	for _, c := range v.Checks {
		if c.Status == record.Invalid {
			names = append(names, c.Name)
		}
	}
	return strings.Join(names, ",")
}

// Each keeps what it promises; a standby that is to have applied a write and has
// not is found.
func TestTrials(t *testing.T) {
	for _, c := range []struct {
		want   string
		values map[string]string
	}{
		{"", map[string]string{rival.Knob: Redis}},
		{"monotonic-writes,writes-follow-reads", map[string]string{rival.Knob: Redis, rival.KnobMutant: mutantTorn}},
		{"", map[string]string{rival.Knob: Apply}},
		{"read-your-writes", map[string]string{rival.Knob: Apply, rival.KnobMutant: mutantNoApply, knobClients: "32"}},
	} {
		o := trial(t, c.values)
		if got := caught(o.Verdict); got != c.want || o.Counts.OK == 0 {
			t.Errorf("%v: caught by %q, want %q", c.values, got, c.want)
		}
	}
}

// The checks see what they are for.
func TestMutants(t *testing.T) {
	const d, doubt = visit.Deposited, visit.Doubtful
	right := func() history {
		return history{
			// A read is of the customer's own two accounts, the next one's, and the one's after that.
			Sessions: []visit.Session{
				{d, 1, 0, 0, 0, 0, 0, d, 1, 1, 1, 0, 0, 0, doubt},
				{d, 1, 0, 0, 0, 1, 0, d},
				{d, 1, 0, 0, 0, 1, 0, d, 1, 1, 1, 1, 1, 1},
			},
			Promised: true, Copies: [2][]int64{{1, 1, 1, 1, 1, 1}, {2, 1, 1, 1, 1, 1}},
		}
	}
	judge := func(h history) string { return caught(h.judge()) }
	if got := judge(right()); got != "" {
		t.Fatalf("caught by %s", got)
	}
	mutants := map[string]func(h *history){
		"converged: lost":          func(h *history) { h.Copies[1][0] = 0 },
		"converged: invented":      func(h *history) { h.Copies[0][1] = 2 },
		"converged: none":          func(h *history) { h.Copies[0] = nil },
		"read-your-writes: behind": func(h *history) { h.Sessions[1][1] = 0 },
		"monotonic-reads: back":    func(h *history) { h.Sessions[1] = slices.Insert(h.Sessions[1], 7, 1, 0, 0, 0, 0, 0) },
		// The next customer's second deposit without its first, which it had read itself.
		"monotonic-writes,writes-follow-reads: torn": func(h *history) { h.Sessions[2][10] = 0 },
		// A deposit of somebody who had seen another one, without that.
		"writes-follow-reads: causeless": func(h *history) { h.Sessions[2][10], h.Sessions[2][11] = 0, 0 },
	}
	for _, name := range slices.Sorted(maps.Keys(mutants)) {
		h := right()
		mutants[name](&h)
		check, _, _ := strings.Cut(name, ":")
		if got := judge(h); got != check {
			t.Errorf("%s: caught by %q", name, got)
		}
	}
}
