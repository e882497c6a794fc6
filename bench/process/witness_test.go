//go:build linux

package process_test

import (
	"math"
	"testing"
	"time"

	"dyno/bench/process"
	"dyno/internal/record"
	"dyno/systems"
)

// Three roads to the CPU time of a process: its clock, what it was charged for,
// and what it says of itself by rusage.
func TestWitness(t *testing.T) {
	ctx, g := open(t, nil)
	begin := time.Now()
	start(ctx, t, g, "server")
	burner := start(ctx, t, g, "burn")
	out, err := burner.Wait(ctx)
	if err != nil {
		t.Fatal(err)
	}
	used, err := time.ParseDuration(string(out))
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	e := &record.Evidence{Begin: begin.UnixNano(), End: time.Now().UnixNano()}
	g.Witness(e)
	if len(e.Processes) != 2 || e.Tick <= 0 {
		t.Fatalf("%+v", e)
	}
	for _, p := range e.Processes {
		if !p.Covered || !near(p.Least, p.TotalCPU) || !near(p.Most, p.TotalCPU) || p.TotalCPU <= 0 || p.LastCPU > p.TotalCPU+2*e.Tick {
			t.Errorf("a life within the window: %+v", p)
		}
	}
	b := e.Processes[1]
	if b.Name != "burn" || b.TotalCPU < used.Seconds() || b.LastCPU <= 0 {
		t.Errorf("it says that it used %v: %+v", used, b)
	}
	if c := b.Calls; c == nil || c.Made["/x/Y"].OK != 7 || c.SentB != 8 {
		t.Errorf("it counted %+v", c)
	}
	if e.Processes[0].Calls != nil {
		t.Errorf("the server said nothing, but %+v is heard", e.Processes[0].Calls)
	}
}

// near: charges are in whole microseconds.
func near(a, b float64) bool { return math.Abs(a-b) < 2e-6 }

// A process that is killed takes its counts with it; what it used is known.
func TestWitnessOfKilled(t *testing.T) {
	ctx, g := open(t, nil)
	p := start(ctx, t, g, "server")
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	e := new(record.Evidence)
	g.Witness(e)
	if got := e.Processes[0]; got.Calls != nil || got.TotalCPU <= 0 || got.Covered {
		t.Errorf("%+v: want a charge, no calls, and no window", got)
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
}

// What is no testimony is told, and not taken for one.
func TestGarbledTestimony(t *testing.T) {
	said := make(chan string, 10)
	ctx, g := open(t, func(o *process.Options) {
		o.Logf = func(format string, args ...any) {
			select {
			case said <- format:
			default:
			}
		}
	})
	p, err := g.Start(ctx, systems.Launch{Role: "mumble", Name: "mumble"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	e := new(record.Evidence)
	g.Witness(e)
	if e.Processes[0].Calls != nil || len(said) == 0 {
		t.Errorf("%+v, and %d lines of log", e.Processes[0].Calls, len(said))
	}
}
