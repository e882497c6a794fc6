package sim_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dyno/bench/sim"
)

var seed = flag.Uint64("sim.seed", 0, "replay this seed of the toy protocols and show its trace")

// hunts are the flawed toys, with the number of faults that each needs.
var hunts = map[string]struct {
	hunt  sim.Hunt
	needs int
	says  string
}{
	"ack before sync":      {replicaHunt(ackBeforeSync, 1, 300), 2, "on 0 disks"},
	"ack, one disk of two": {replicaHunt(ackBeforeSync, 2, 300), 1, "on 1 disks"},
	"believes a sync":      {replicaHunt(retrySync, 2, 300), 1, "on 1 disks"},
	"counts a disk twice":  {replicaHunt(countTwice, 2, 300), 2, "on 1 disks"},
	"lease from receipt":   {only(leaseHunt(fromReceipt, 300), sim.Pause), 1, "two leaders"},
	"forgetful witness":    {leaseHunt(forgetful, 300), 1, "two leaders"},
}

func only(h sim.Hunt, kinds ...sim.Kind) sim.Hunt {
	h.Profile.Kinds = kinds
	return h
}

func TestHuntFindsMutants(t *testing.T) {
	for name, c := range hunts {
		t.Run(name, func(t *testing.T) {
			f, err := c.hunt.Run(t.Context())
			if err != nil || f == nil {
				t.Fatalf("found nothing: %v", err)
			}
			t.Logf("\n%s", f)
			if *seed != 0 {
				out := c.hunt.Try(*seed)
				t.Logf("seed %d: %v\n%s\n%s", *seed, out.Err, out.Faults, out.Trace)
			}
			checkFailure(t, c.hunt, f)
			if len(f.Shrunk.Faults) != c.needs || !strings.Contains(f.Shrunk.Err.Error(), c.says) {
				t.Errorf("%d faults, want %d, and %q, want %q", len(f.Shrunk.Faults), c.needs, f.Shrunk.Err, c.says)
			}
		})
	}
}

// checkFailure holds a failure to its word: both schedules fail as it says,
// also as text, and without any one fault the small one passes.
func checkFailure(t *testing.T, h sim.Hunt, f *sim.Failure) {
	t.Helper()
	if !f.Shrunk.Minimal {
		t.Errorf("not minimal after %d runs", f.Shrunk.Runs)
	}
	if out := h.Try(f.Seed); fmt.Sprint(out.Err) != f.OriginalErr.Error() || out.Faults.String() != f.Original.String() {
		t.Errorf("the seed alone gives %v, want %v", out.Err, f.OriginalErr)
	}
	back, err := sim.ParseSchedule(f.Shrunk.Faults.String())
	if err != nil {
		t.Fatal(err)
	}
	out := h.Play(f.Seed, back)
	if fmt.Sprint(out.Err) != f.Shrunk.Err.Error() || string(out.Trace) != string(f.Trace) || len(out.Trace) == 0 {
		t.Errorf("the small schedule gives %v, want %v, and the same trace", out.Err, f.Shrunk.Err)
	}
	for i := range back {
		less := append(back[:i:i], back[i+1:]...)
		if out := h.Play(f.Seed, less); out.Err != nil {
			t.Errorf("it fails without %s too: %v", back[i], out.Err)
		}
	}
}

func TestHuntFindsNothingInCorrectProtocols(t *testing.T) {
	for name, h := range map[string]sim.Hunt{"replica": replicaHunt(correct, 2, 2000), "lease": leaseHunt(leaseCorrect, 2000)} {
		if f, err := h.Run(t.Context()); err != nil || f != nil {
			t.Errorf("%s: %v\n%v", name, err, f)
		}
	}
}

// The same failure, whatever the number of workers.
func TestHuntIsDeterministic(t *testing.T) {
	var texts []string
	for _, workers := range []int{1, 2, 7} {
		h := replicaHunt(ackBeforeSync, 1, 300)
		h.Workers = workers
		f, err := h.Run(t.Context())
		if err != nil || f == nil {
			t.Fatal(err)
		}
		texts = append(texts, f.String())
		// the lowest one: no seed below it fails
		for s := uint64(1); s < f.Seed; s++ {
			if out := h.Try(s); out.Err != nil {
				t.Errorf("seed %d fails too, below %d", s, f.Seed)
			}
		}
	}
	if texts[0] != texts[1] || texts[0] != texts[2] {
		t.Errorf("got\n%s\nand\n%s\nand\n%s", texts[0], texts[1], texts[2])
	}
}

func TestFailureText(t *testing.T) {
	h := replicaHunt(ackBeforeSync, 1, 300)
	f, err := h.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		fmt.Sprintf("seed %d fails: record ", f.Seed), "2 of ", "minimal", "\n  " + f.Shrunk.Faults[0].String() + "\n",
		"\n  " + f.Original[0].String() + "\n", fmt.Sprintf("replay: go test ./bench/sim -run TestHuntFindsMutants -v -sim.seed=%d\n", f.Seed),
		"the trace ends with:\n",
	} {
		if !strings.Contains(f.String(), want) {
			t.Errorf("%q is not in\n%s", want, f)
		}
	}
	if lines := strings.Count(f.String(), "\n"); lines > 50 {
		t.Errorf("%d lines are too many to read", lines)
	}
}

// A worker that comes back late with a higher seed does not replace a lower one.
func TestTheLowestSeedWins(t *testing.T) {
	for _, slow := range []uint64{5, 6} {
		synctest.Test(t, func(t *testing.T) {
			h := leaseHunt(leaseCorrect, 2)
			h.First, h.Workers = 5, 2
			h.Scenario = func(w *sim.World) error {
				time.Sleep(time.Second) // of the bubble: until both have begun
				if w.Seed() == slow {
					time.Sleep(time.Second) // until the other worker has gone
				}
				return errors.New("always")
			}
			if f, err := h.Run(t.Context()); err != nil || f == nil || f.Seed != 5 {
				t.Errorf("seed %d is slow: %v\n%v", slow, err, f)
			}
		})
	}
}

// crashing returns a hunt for a scenario with one node, that fails as fail
// says when the node was restarted.
func crashing(fail func(env *sim.Env)) sim.Hunt {
	return sim.Hunt{
		Scenario: func(w *sim.World) error {
			w.Add("a", scripted(script{init: func(env *sim.Env) {
				if env.Now() > 0 {
					fail(env)
				}
			}}))
			return w.Run()
		},
		Profile: sim.Profile{Nodes: []string{"a"}, Until: 100 * ms},
		Seeds:   50,
	}
}

func TestHuntCatchesPanics(t *testing.T) {
	h := crashing(func(env *sim.Env) { _ = make([]int, 1)[env.Now()] })
	f, err := h.Run(t.Context())
	var p *sim.PanicError
	if err != nil || f == nil || !errors.As(f.Shrunk.Err, &p) {
		t.Fatalf("got %v, %v", f, err)
	}
	checkFailure(t, h, f)
	if !strings.Contains(p.Value, "index out of range") || !strings.Contains(p.Stack[0], "TestHuntCatchesPanics.func1 hunt_test.go:") {
		t.Errorf("got %q at %q", p.Value, p.Stack)
	}
}

// While shrinking, one kind of failure must not turn into another.
func TestShrinkingKeepsTheKindOfFailure(t *testing.T) {
	restarts := 0
	h := crashing(func(env *sim.Env) {})
	h.Profile.Kinds = []sim.Kind{sim.Crash}
	h.Workers = 1
	fail := func(panics bool) {
		h.Scenario = func(w *sim.World) error {
			restarts = 0
			w.Add("a", scripted(script{init: func(env *sim.Env) {
				if env.Now() > 0 {
					restarts++
				}
			}}))
			if err := w.Run(); err != nil {
				return err
			}
			switch {
			case restarts >= 4 && panics:
				panic("four")
			case restarts >= 2:
				return errors.New("two or more")
			}
			return nil
		}
	}
	fail(true)
	h.First = 1
	for { // to a seed with four restarts
		if out := h.Try(h.First); errors.As(out.Err, new(*sim.PanicError)) {
			break
		}
		h.First++
	}
	f, err := h.Run(t.Context())
	if err != nil || f == nil || len(f.Shrunk.Faults) != 4 {
		t.Errorf("a panic that needs 4 faults: %v\n%v", err, f)
	}
	fail(false)
	h.Same = func(_, candidate error) bool { return restarts >= 3 && candidate != nil }
	f, err = h.Run(t.Context())
	if err != nil || f == nil || len(f.Shrunk.Faults) != 3 {
		t.Errorf("a Same that wants 3 faults: %v\n%v", err, f)
	}
}

func TestHuntReportsLimits(t *testing.T) {
	h := crashing(func(env *sim.Env) {
		for {
			if env.SetTimer(0, 0) == 0 {
				return
			}
		}
	})
	h.Config.Limits.Pending = 100
	f, err := h.Run(t.Context())
	if err != nil || f == nil || !errors.As(f.Shrunk.Err, new(*sim.LimitError)) {
		t.Errorf("got %v, %v", f, err)
	}
}

func TestHuntRefuses(t *testing.T) {
	var calls atomic.Int64
	good := leaseHunt(leaseCorrect, 10)
	for says, change := range map[string]func(*sim.Hunt){
		"needs a Scenario":               func(h *sim.Hunt) { h.Scenario = nil },
		"Seeds above 0":                  func(h *sim.Hunt) { h.Seeds = 0 },
		"Workers = -1":                   func(h *sim.Hunt) { h.Workers = -1 },
		"Nodes is empty":                 func(h *sim.Hunt) { h.Profile.Nodes = nil },
		"Drop is 2":                      func(h *sim.Hunt) { h.Config.Network.Drop = 2 },
		"the world has no node n9":       func(h *sim.Hunt) { h.Profile.Nodes = []string{"n9"} },
		"ended its goroutine":            func(h *sim.Hunt) { h.Scenario = func(*sim.World) error { runtime.Goexit(); return nil } },
		"depends on more than":           func(h *sim.Hunt) { h.Scenario = once(&calls, 1) },
		"two runs of the same world end": func(h *sim.Hunt) { h.Scenario = once(&calls, 2) },
	} {
		h := good
		h.Workers = 1
		calls.Store(0)
		change(&h)
		if f, err := h.Run(t.Context()); f != nil || err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v, %v", says, f, err)
		}
	}
}

// once fails on its first n calls only.
func once(calls *atomic.Int64, n int64) sim.Scenario {
	return func(*sim.World) error {
		if calls.Add(1) <= n {
			return errors.New("once")
		}
		return nil
	}
}

func TestHuntStopsWhenToldTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which also finds a goroutine that stays
		ctx, cancel := context.WithCancel(t.Context())
		var runs atomic.Int64
		h := leaseHunt(leaseCorrect, 1_000_000)
		scenario := h.Scenario
		h.Scenario = func(w *sim.World) error {
			if runs.Add(1) == 10 {
				cancel()
			}
			return scenario(w)
		}
		if f, err := h.Run(ctx); f != nil || !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, %v", f, err)
		}
		if n := runs.Load(); n > 100 {
			t.Errorf("%d runs", n)
		}
	})
}
