package sim

import (
	"bytes"
	"fmt"
	"path"
	"runtime"
	"strings"
)

// Scenario adds nodes to a world, runs it, and checks what came of it; an
// error says what was wrong. It must be a function of the world alone: no
// wall clock, no other source of chance, no goroutine, no order of a map, no
// variable shared with another call. A [Hunt] calls it from several goroutines.
type Scenario func(w *World) error

// Outcome is what came of one run.
type Outcome struct {
	Seed   uint64
	Faults Schedule
	Err    error // of the scenario or of the world; nil: all is well
	Trace  []byte
	Stats  Stats

	Reached map[string]int // situations, by how often they were met; see [Env.Sometimes]
	Syncs   map[string]int // by purpose; see [Disk.SyncFor]
	Record  Record         // with Config.Record
}

// Run plays a scenario once. An error that ends the world counts even if the
// scenario ignores it, and a panic becomes a [PanicError].
func Run(cfg Config, scenario Scenario) Outcome {
	out := Outcome{Seed: cfg.Seed, Faults: cfg.Faults}
	w, err := New(cfg)
	if err != nil {
		out.Err = err
		return out
	}
	out.Err = protect(func() error { return scenario(w) })
	if w.err != nil {
		out.Err = w.err
	}
	out.Trace, out.Stats, out.Reached, out.Syncs = w.trace, w.stats, w.reached, w.syncs
	if cfg.Record {
		out.Record = w.record(out.Err)
	}
	return out
}

// Repeatable plays a scenario twice with a trace and returns an error that
// shows the first difference.
func Repeatable(cfg Config, scenario Scenario) error {
	cfg.Trace = true
	a, b := Run(cfg, scenario), Run(cfg, scenario)
	if err := sameLines(a.Trace, b.Trace); err != nil {
		return fmt.Errorf("sim: seed %d: two runs of the same world differ: %w", cfg.Seed, err)
	}
	if fmt.Sprint(a.Err) != fmt.Sprint(b.Err) {
		return fmt.Errorf("sim: seed %d: two runs of the same world end with %v and with %v", cfg.Seed, a.Err, b.Err)
	}
	return nil
}

func sameLines(a, b []byte) error {
	if bytes.Equal(a, b) {
		return nil
	}
	as, bs := strings.Split(string(a), "\n"), strings.Split(string(b), "\n")
	i := 0
	for i < min(len(as), len(bs)) && as[i] == bs[i] {
		i++
	}
	as, bs = append(as, ""), append(bs, "") // one may have ended
	return fmt.Errorf("trace line %d is %q and %q", i+1, as[min(i, len(as)-1)], bs[min(i, len(bs)-1)])
}

// PanicError is a panic in a node or a scenario.
type PanicError struct {
	Value string
	Stack []string // where, the innermost function first: function file:line
}

func (e *PanicError) Error() string {
	return "panic: " + e.Value + " in " + strings.Join(e.Stack, ", called by ")
}

// protect calls f and turns a panic into an error.
func protect(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &PanicError{Value: fmt.Sprint(r), Stack: panicStack()}
		}
	}()
	return f()
}

// panicStack lists the functions between a panic and the simulator, at most
// four, without what differs from run to run.
func panicStack() []string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	var out []string
	for panicked, more := false, true; more && len(out) < 4; {
		var f runtime.Frame
		f, more = frames.Next()
		switch {
		case strings.HasPrefix(f.Function, "runtime."):
			panicked = true
		case panicked && (strings.Contains(f.Function, "/bench/sim.(*World)") || strings.HasSuffix(f.Function, "/bench/sim.protect")):
			return out
		case panicked:
			out = append(out, fmt.Sprintf("%s %s:%d", path.Base(f.Function), path.Base(f.File), f.Line))
		}
	}
	return out
}
