package trial

import (
	"math"
	"testing"
	"time"

	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/lookaside/core/theory"
	"dyno/systems/lookaside/knobs"
)

// The knee by theory is where the formula of the 99th percentile meets the
// bound.
func TestTheoryKnee(t *testing.T) {
	const below = 250 * time.Millisecond
	for _, c := range []struct {
		given map[string]string
		want  float64
	}{
		{map[string]string{"policy": "random"}, 600 * (1 - math.Log(100)*0.02/0.25)}, // M/M/1
		{map[string]string{"policy": "random", "service-time": "200ms"}, 0},          // an idle server takes longer
		{map[string]string{"policy": "least_load"}, 0},                               // no closed form
		{map[string]string{"policy": "random", "capacity": "0.5"}, 0},
	} {
		cfg, err := NewConfig(values(t, c.given), 1)
		if err != nil {
			t.Fatal(err)
		}
		if got := cfg.theoryKnee(below); math.Abs(got-c.want) > 1e-6 {
			t.Errorf("%v: %v req/s, want %v", c.given, got, c.want)
		}
	}
	cfg, err := NewConfig(values(t, map[string]string{"policy": "round_robin"}), 1)
	if err != nil {
		t.Fatal(err)
	}
	rho := cfg.theoryKnee(below) / 600
	if got := theory.Of("round_robin", 12, rho, 0).Mean * math.Log(100) * 20; math.Abs(got-250) > 0.01 {
		t.Errorf("round robin: p99 at the knee (load %.3f) is %.2f ms, want 250 ms", rho, got)
	}
}

// The search in the simulator finds the knee of theory, and says when there is
// none.
func TestSimulatedKnee(t *testing.T) {
	goal := record.Load{Loop: loopSearch, P99Below: 0.25, From: 250, To: 700, Precision: 0.05, Probes: 20}
	knees := map[string]float64{}
	for _, p := range []string{"random", "round_robin", "least_load"} {
		cfg, err := NewConfig(values(t, map[string]string{"policy": p}), 1)
		if err != nil {
			t.Fatal(err)
		}
		if knees[p], err = cfg.simulatedKnee(t.Context(), goal); err != nil {
			t.Fatal(err)
		}
		want := cfg.theoryKnee(goal.P99Below.Duration())
		if want > 0 && math.Abs(knees[p]/want-1) > 0.1 {
			t.Errorf("%s: the simulator's knee is at %v req/s, theory's at %.0f", p, knees[p], want)
		}
	}
	if knees["least_load"] < 1.25*knees["random"] || knees["least_load"] >= 600 {
		t.Errorf("knees %v: least load should hold far more than random, and less than all servers can do", knees)
	}
	cfg, err := NewConfig(values(t, map[string]string{"policy": "random", "service-time": "25ms", "servers": "4"}), 1) // 160 req/s
	if err != nil {
		t.Fatal(err)
	}
	if got, err := cfg.simulatedKnee(t.Context(), goal); err != nil || got != 0 {
		t.Errorf("servers that can do less than the lowest rate hold %v (%v)", got, err)
	}
}

// A search wants rates of its own, and processes.
func TestSearchRefuses(t *testing.T) {
	b := simBench{t: t, set: systems.Setting{Seed: 1, Load: record.Load{Loop: loopSearch}, Length: time.Second}}
	for _, given := range []map[string]string{{"rate": "100"}, {"offered-load": "0.5"}, {"fault": "kill"}, {"world": knobs.Simulator}} {
		if _, err := Measure(t.Context(), b, values(t, given)); err == nil {
			t.Errorf("a search with %v is accepted", given)
		}
	}
}

// Queues that are kept level forget sooner, but not sooner than reports come.
func TestTimeConstants(t *testing.T) {
	for policy, want := range map[string]time.Duration{
		"random": 749 * time.Millisecond, "round_robin": 406 * time.Millisecond, "least_load": 200 * time.Millisecond,
	} {
		got := TimeConstant(values(t, map[string]string{"policy": policy, "offered-load": "0.7"}))
		if (got - want).Abs() > 2*time.Millisecond {
			t.Errorf("%s: %v, want about %v", policy, got, want)
		}
	}
}
