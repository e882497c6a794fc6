package trial

import (
	"context"
	"errors"
	"math"
	"reflect"
	"testing"
	"time"

	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/lookaside/core/policy"
	"dyno/systems/lookaside/knobs"
)

// simBench is a bench on which nothing can be started.
type simBench struct {
	systems.Bench
	t   *testing.T
	set systems.Setting
}

func (b simBench) Setting() systems.Setting        { return b.set }
func (b simBench) Logf(format string, args ...any) { b.t.Logf(format, args...) }

func simTrial(t *testing.T, seed uint64, length time.Duration, given map[string]string) record.Observation {
	t.Helper()
	given["world"] = knobs.Simulator
	loop := "closed"
	if given["offered-load"] != "" {
		loop = "open"
	}
	b := simBench{t: t, set: systems.Setting{Seed: seed, Load: record.Load{Loop: loop}, Length: length}}
	o, err := Measure(t.Context(), b, values(t, given))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// A trial in the simulator has figures and a verdict like any other, under
// every policy, in an open loop and in a closed one.
func TestSimulatedTrials(t *testing.T) {
	for _, m := range policy.All {
		for _, given := range []map[string]string{
			{"policy": m.Name, "servers": "5", "offered-load": "0.6"},
			{"policy": m.Name, "servers": "5", "clients": "20", "capacity": "1,0.5"},
		} {
			if m.Shares == policy.First && given["offered-load"] != "" {
				given["offered-load"] = "0.1" // of all five
			}
			o := simTrial(t, 1, 20*time.Millisecond, given)
			if o.Verdict.Status != record.Valid {
				t.Errorf("%v: %s: %v", given, o.Verdict.Status, o.Verdict.Reasons())
			}
			if err := o.Conform(Metrics); err != nil {
				t.Errorf("%v: %v", given, err)
			}
			if h := o.Histograms["response"]; h.Count() != o.Counts.OK || h.Mean() <= 0 {
				t.Errorf("%v: %d response times of %d, mean %v", given, h.Count(), o.Counts.OK, h.Mean())
			}
			// Little's law for the window, to within what its ends cut off.
			if r := o.Scalars["in_flight"] / (o.Scalars["throughput_rps"] * o.Histograms["response"].Mean().Seconds()); math.Abs(r-1) > 0.02 {
				t.Errorf("%v: mean number over rate times mean time is %.3f, want 1", given, r)
			}
		}
	}
}

func TestSimulatedTrialsRepeat(t *testing.T) {
	run := func(seed uint64) record.Observation {
		o := simTrial(t, seed, 10*time.Millisecond, map[string]string{"policy": "prequal", "servers": "8", "offered-load": "0.8"})
		delete(o.Scalars, "simulated_rps") // real time
		return o
	}
	if a, b := run(1), run(1); !reflect.DeepEqual(a, b) {
		t.Errorf("one seed gave\n%+v and\n%+v", a, b)
	}
	if a, b := run(1), run(2); reflect.DeepEqual(a, b) {
		t.Error("two seeds gave the same")
	}
}

// The targets of the design: from a low load to a high one the mean under random
// and round robin is within 3 % of theory.
func TestSimulatedTrialsAgreeWithTheory(t *testing.T) {
	for p, lengths := range map[string]map[string]time.Duration{
		"random":      {"0.5": 200, "0.8": 400, "0.95": 500},
		"round_robin": {"0.95": 400}, // lower ones are in TestSimulatedResponseAgreesWithTheory
	} {
		for load, length := range lengths {
			o := simTrial(t, 3, length*time.Millisecond, map[string]string{"policy": p, "offered-load": load, "report-interval": "1s"})
			got, want := float64(o.Histograms["response"].Mean())/1e6, o.Scalars["theory_mean_ms"]
			t.Logf("%s at %s: %.2f ms, theory %.2f ms, %.2f %%", p, load, got, want, 100*(got/want-1))
			if math.Abs(got/want-1) > 0.03 {
				t.Errorf("%s at %s: mean %.2f ms, theory %.2f ms", p, load, got, want)
			}
			if p99 := float64(o.Histograms["response"].Quantile(0.99)) / 1e6; math.Abs(p99/o.Scalars["theory_p99_ms"]-1) > 0.08 {
				t.Errorf("%s at %s: p99 %.2f ms, theory %.2f ms", p, load, p99, o.Scalars["theory_p99_ms"])
			}
		}
	}
}

// The herd, and what ends it, at one point of the plot.
func TestSimulatedHerd(t *testing.T) {
	mean := func(p string) float64 {
		o := simTrial(t, 1, 100*time.Millisecond, map[string]string{"policy": p, "offered-load": "0.8", "report-interval": "200ms"})
		if theory := o.Scalars["theory_mean_ms"]; p == "least_reported" && math.Abs(theory-20*(1+5*8.6)) > 1e-6 {
			t.Errorf("the line is at %v ms, want 880", theory)
		}
		return float64(o.Histograms["response"].Mean()) / 2e7
	}
	herd, own, blind := mean("least_reported"), mean("least_load"), mean("round_robin")
	t.Logf("reports every 10 S: herd %.1f S, own picks counted %.2f S, round robin %.2f S", herd, own, blind)
	if herd < 40 || herd > 48 || own > blind {
		t.Errorf("herd %.1f S, want about 44; own picks counted %.2f S, want less than round robin's %.2f S", herd, own, blind)
	}
}

// Only the simulator has these.
func TestWorlds(t *testing.T) {
	for _, given := range []map[string]string{{"servers": "65"}, {"report-interval": "0s"}} {
		if _, err := NewConfig(values(t, given), 1); !systems.IsUsage(err) {
			t.Errorf("%v in processes: %v, want a mistake in usage", given, err)
		}
	}
	b := simBench{t: t, set: systems.Setting{Seed: 1, Load: record.Load{Loop: "open"}, Length: time.Second}}
	if _, err := Measure(t.Context(), b, values(t, map[string]string{"world": knobs.Simulator, "offered-load": "1"})); !systems.IsUsage(err) {
		t.Errorf("a load of 1: %v, want a mistake in usage", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Measure(ctx, b, values(t, map[string]string{"world": knobs.Simulator, "offered-load": "0.5"})); !errors.Is(err,
		context.Canceled) {
		t.Errorf("a context that has ended: %v", err)
	}
	for _, load := range []string{"0.5", "0.95"} {
		v := values(t, map[string]string{"world": knobs.Simulator, "offered-load": load})
		if tau := TimeConstant(v); tau != 0 {
			t.Errorf("time constant %v: the simulator's time is not the engine's", tau)
		}
	}
}
