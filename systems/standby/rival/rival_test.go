package rival

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"dyno/bench/deposit"
	"dyno/bench/driver"
	"dyno/bench/process"
	"dyno/bench/rival"
	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/systemtest"
)

// toy is a system of nothing but its rival.
var toy = Arm().Join(systems.System{
	Name: "toy", Roles: Roles("toy"), Knobs: driver.Knobs("constant"), Metrics: driver.Metrics(record.Road{}),
})

func TestMain(m *testing.M) { systemtest.Main(m, systemtest.Run(toy)) }

// trial measures one cell; the test is skipped where Redis is missing.
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
	t.Logf("%s: %v %v, p50 %v, p99 %v, %+v", values, o.Scalars, o.Verdict.Reasons(), o.Histograms["response"].Quantile(0.5),
		o.Histograms["response"].Quantile(0.99), o.Counts)
	return o
}

func caught(o record.Observation) string {
	return strings.Join(slices.Collect(func(yield func(string) bool) {
		for _, c := range o.Verdict.Checks {
			if c.Status == record.Invalid && !yield(c.Name) {
				return
			}
		}
	}), ",")
}

// Redis keeps what it promises here, and who leaves out a part of that is found.
func TestSpeed(t *testing.T) {
	for want, values := range map[string]map[string]string{
		"":         {rival.Knob: Memory, knobClients: "4"},
		"settings": {rival.Knob: Durable, rival.KnobMutant: mutantNoFsync},
		"receipts": {rival.Knob: Durable, rival.KnobMutant: mutantNoWait},
	} {
		o := trial(t, 300*time.Millisecond, values)
		if got := caught(o); got != want || o.Counts.OK == 0 {
			t.Errorf("%v: caught by %q, want %q", values, got, want)
		}
	}
}

// So do etcd and PostgreSQL, where they are installed.
func TestOthers(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	for _, c := range []struct{ rival, mutant, want string }{
		{Etcd, rival.None, ""},
		{Etcd, mutantNoWait, "receipts"},
		{Postgres, rival.None, ""},
		{Postgres, mutantNoWait, "receipts"},
		{Postgres, mutantNoFsync, "settings"},
	} {
		t.Run(c.rival+" "+c.mutant, func(t *testing.T) {
			o := trial(t, 300*time.Millisecond, map[string]string{rival.Knob: c.rival, rival.KnobMutant: c.mutant, knobClients: "4"})
			if got := caught(o); got != c.want || o.Counts.OK == 0 {
				t.Errorf("caught by %q, want %q", got, c.want)
			}
		})
	}
}

// After a pause the primary is another one, and writes go on.
func TestFailover(t *testing.T) {
	if testing.Short() {
		t.Skip("takes ten seconds")
	}
	o := trial(t, leastWindow, map[string]string{rival.Knob: Memory, rival.KnobFault: faultPause, KnobWait: "off", knobClients: "1"})
	if caught(o) != "" || o.Scalars["rival_outage_ms"] < 1000*downAfter.Seconds() {
		t.Errorf("%v, %v", caught(o), o.Scalars)
	}
}

// The checks see what they are for.
func TestMutants(t *testing.T) {
	right := func() history {
		return history{
			Done: []deposit.Tally{{Sent: 5, Unknown: []int64{3}}, {Sent: 2}}, Wait: true, Durable: true, Receipts: 7,
			Servers: []server{{"primary", []int64{5, 2}, true, ""}, {"replica", []int64{4, 2}, true, ""}},
		}
	}
	if v := right().judge(); v.Status != record.Valid {
		t.Fatal(v.Reasons())
	}
	mutants := map[string]func(h *history){
		"deposits: lost":       func(h *history) { h.Servers[1].Balances[0] = 3 },
		"deposits: invented":   func(h *history) { h.Servers[0].Balances[1] = 3 },
		"deposits: none":       func(h *history) { h.Servers[0].Balances = nil },
		"receipts: not asked":  func(h *history) { h.Receipts = 5 },
		"settings: everysec":   func(h *history) { h.Servers[1].Durable = false },
		"settings: not wanted": func(h *history) { h.Durable = false },
	}
	for _, name := range slices.Sorted(maps.Keys(mutants)) {
		h := right()
		mutants[name](&h)
		check, _, _ := strings.Cut(name, ":")
		if got := caught(record.Observation{Verdict: h.judge()}); got != check {
			t.Errorf("%s: caught by %q", name, got)
		}
	}
}

func TestCount(t *testing.T) {
	lost, twice, foreign := count(deposit.Tally{Sent: 6, Unknown: []int64{4, 5}}, []int64{0, 1, 1, 3, 5, 9})
	if lost != 1 || twice != 1 || foreign != 1 {
		t.Errorf("%d lost, %d twice, %d foreign; want one of each", lost, twice, foreign)
	}
}
