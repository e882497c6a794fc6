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
	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/systemtest"
)

// toy is a system of nothing but its rival.
var toy = Arm().Join(systems.System{
	Name: "toy", Roles: rival.Roles("toy"), Knobs: driver.Knobs("constant"), Metrics: append(driver.Metrics(record.Road{}), record.Metric{Name: forcedWrites, Kind: record.KindScalar, Unit: "syncs", Help: "of strife"}),
})

func TestMain(m *testing.M) { systemtest.Main(m, systemtest.Run(toy)) }

// trial measures one cell; the test is skipped where software is missing.
func trial(t *testing.T, length time.Duration, values map[string]string) record.Observation {
	t.Helper()
	v, err := toy.Resolve(values)
	if err != nil {
		t.Fatal(err)
	}
	set := systems.Setting{Seed: 1, Load: record.Load{Loop: driver.Closed}, Warmup: 100 * time.Millisecond, Length: length}
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
	t.Logf("%s: %v %v, %+v", values, o.Scalars, o.Verdict.Reasons(), o.Counts)
	if h := o.Histograms["response"]; h != nil {
		t.Logf("p50 %v p99 %v", h.Quantile(0.5), h.Quantile(0.99))
	}
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

// PostgreSQL keeps what it promises here, whoever is killed; and who leaves out a
// part of that is found.
func TestTrials(t *testing.T) {
	for _, c := range []struct {
		want   string
		values map[string]string
	}{
		{"", map[string]string{rival.Knob: Local}},
		{"", map[string]string{rival.Knob: Two, rival.KnobFault: faultCluster}},
		{"durable", map[string]string{rival.Knob: Two, rival.KnobMutant: mutantNoFsync}},
		{"acknowledged", map[string]string{rival.Knob: Two, rival.KnobMutant: mutantNoLog, rival.KnobFault: faultCoordinator}},
	} {
		o := trial(t, time.Second, c.values)
		if got := caught(o.Verdict); got != c.want || o.Counts.OK == 0 {
			t.Errorf("%v: caught by %q, want %q", c.values, got, c.want)
		}
	}
}

// The audit sees what it is for.
func TestMutants(t *testing.T) {
	const whole = accounts * balance
	right := func() history {
		return history{
			Acked: []ack{{"1", 7, 8, 5}}, Connections: 1, Again: new(1),
			Clusters: []cluster{
				{Name: "a", Sum: whole - 5 + 3, Accounts: accounts, Syncs: 2, Legs: []leg{{"1", 7, -5}, {"2", 9, 3}}},
				{Name: "b", Sum: whole + 5 - 3, Accounts: accounts, Syncs: 2, Legs: []leg{{"1", 8, 5}, {"2", 9, -3}}},
			},
		}
	}
	if v := right().judge(); v.Status != record.Valid {
		t.Fatal(v.Reasons())
	}
	mutants := map[string]func(h *history){
		"conserved: money came":     func(h *history) { h.Clusters[0].Sum++ },
		"conserved: one balance":    func(h *history) { h.Clusters[1].Mismatched = 2 },
		"settled: in doubt":         func(h *history) { h.Clusters[1].InDoubt = 1 },
		"atomic: half":              func(h *history) { h.Clusters[1].Legs = h.Clusters[1].Legs[:1] },
		"atomic: twice":             func(h *history) { h.Clusters[0].Legs = append(h.Clusters[0].Legs, leg{"2", 9, 3}) },
		"atomic: another amount":    func(h *history) { h.Clusters[0].Legs[1].Amount = 4 },
		"acknowledged: not there":   func(h *history) { h.Acked = append(h.Acked, ack{"3", 1, 1, 1}) },
		"acknowledged: twice":       func(h *history) { h.Acked = append(h.Acked, h.Acked[0]) },
		"acknowledged: to another":  func(h *history) { h.Acked[0].To = 9 },
		"replayed: no answer":       func(h *history) { *h.Again = 0 },
		"durable: one never synced": func(h *history) { h.Clusters[1].Syncs = 0 },
	}
	for _, name := range slices.Sorted(maps.Keys(mutants)) {
		h := right()
		mutants[name](&h)
		check, _, _ := strings.Cut(name, ":")
		if got := caught(h.judge()); got != check {
			t.Errorf("%s: caught by %q", name, got)
		}
	}
}
