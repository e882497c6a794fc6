package sim_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"dyno/bench/sim"
)

// A sweep says what it met, and fails for what it never did.
func TestSometimes(t *testing.T) {
	h := replicaHunt(correct, 2, 200)
	h.Sometimes = []string{"the backup is ready first"}
	s, err := h.Sweep(t.Context())
	if err != nil || s.Failure != nil || s.Seeds != 200 || s.Reached["the backup is ready first"] == 0 {
		t.Fatalf("%v\n%+v", err, s)
	}
	if !strings.Contains(s.String(), "the backup is ready first") {
		t.Errorf("it says %q", s)
	}
	h.Sometimes = append(h.Sometimes, "pigs fly")
	if _, err := h.Sweep(t.Context()); err == nil || !strings.Contains(err.Error(), "never reached: pigs fly") {
		t.Errorf("a situation that never occurred gives %v", err)
	}
}

func TestAlways(t *testing.T) {
	out := sim.Run(sim.Config{}, func(w *sim.World) error {
		w.Add("n", scripted(script{init: func(env *sim.Env) {
			env.Always("order", true, "")
			env.Sometimes("never", false)
			env.SetTimer(time.Second, 0)
		}, timer: func(env *sim.Env, _ uint64) { env.Always("order", false, "%d before %d", 2, 1) }}))
		return w.Run()
	})
	if out.Err == nil || out.Err.Error() != "at 1s n: order does not hold: 2 before 1" || len(out.Reached) != 0 {
		t.Errorf("%v %v", out.Err, out.Reached)
	}
}

// A sync that lies is missed by what rests on it, and only by that.
func TestWeaken(t *testing.T) {
	h := replicaHunt(correct, 2, 300)
	found, err := h.Weaken(t.Context())
	if err != nil || found["record"] == nil || !strings.Contains(found["record"].Shrunk.Err.Error(), "on 0 disks") {
		t.Fatalf("%v\n%v", err, found)
	}
	h = replicaHunt(correct, 0, 50) // nothing need be on any disk: nobody misses a sync
	if _, err := h.Weaken(t.Context()); err == nil || !strings.Contains(err.Error(), "nothing depends on the syncs for: record") {
		t.Errorf("unneeded syncs give %v", err)
	}
	if _, err := h.Weaken(t.Context(), "record"); err != nil {
		t.Errorf("spared, they give %v", err)
	}
	h = replicaHunt(ackBeforeSync, 2, 300)
	if _, err := h.Weaken(t.Context()); err == nil || !strings.Contains(err.Error(), "though no sync lies") {
		t.Errorf("a protocol that fails anyway gives %v", err)
	}
}

// Swarm profiles stay within bounds, and vary: some have few kinds, some many.
func TestSwarm(t *testing.T) {
	p := replicaHunt(correct, 2, 1).Profile
	p.Swarm = true
	kinds := map[int]int{}
	for seed := range uint64(300) {
		s, err := sim.Generate(seed, p)
		if err != nil {
			t.Fatal(err)
		}
		if again, _ := sim.Generate(seed, p); s.String() != again.String() {
			t.Fatalf("seed %d gives two schedules", seed)
		}
		var seen []sim.Kind
		for _, f := range s {
			if !slices.Contains(p.Kinds, f.Kind) || f.At+f.For > p.Until {
				t.Fatalf("seed %d: %s", seed, f)
			}
			if !slices.Contains(seen, f.Kind) {
				seen = append(seen, f.Kind)
			}
		}
		kinds[len(seen)]++
	}
	if kinds[1] < 20 || kinds[4]+kinds[5]+kinds[6] < 20 {
		t.Errorf("schedules by their number of kinds: %v", kinds)
	}
}

// gamble fails when a coin, thrown after 500 ms, shows the number that was
// fixed after 100 ms: until the coin is thrown, some other ways come through.
func gamble(w *sim.World) error {
	var bet uint64
	w.Add("player", scripted(script{
		init: func(env *sim.Env) { env.SetTimer(100*ms, 1) },
		timer: func(env *sim.Env, tag uint64) {
			n := env.Rand().Uint64N(4)
			switch tag {
			case 1:
				bet = n
				env.SetTimer(400*ms, 2)
			case 2:
				env.Trace("bet %d, coin %d", bet, n)
				if n == bet {
					env.SetTimer(300*ms, 3) // the failure shows later
				}
			case 3:
				env.Fail(errors.New("lost"))
			}
		},
	}))
	return w.RunUntil(time.Second)
}

func TestInevitable(t *testing.T) {
	h := sim.Hunt{
		Scenario: gamble, Seeds: 100,
		Profile: sim.Profile{Nodes: []string{"player"}, Kinds: []sim.Kind{sim.Drop}, Until: time.Second},
	}
	f, err := h.Run(t.Context())
	if err != nil || f == nil {
		t.Fatalf("%v %v", err, f)
	}
	in, err := h.Inevitable(t.Context(), f, 30)
	if err != nil || in.At != 500*ms {
		t.Fatalf("%v\n%+v", err, in)
	}
	if !strings.Contains(in.String(), "inevitable from 500ms on") {
		t.Errorf("it says %q", in)
	}
}

// A branch leaves everything before it as it was.
func TestBranch(t *testing.T) {
	h := replicaHunt(correct, 2, 1)
	cfg := h.Config
	cfg.Seed, cfg.Trace = 3, true
	whole := sim.Run(cfg, h.Scenario)
	cfg.Branch = sim.Branch{At: 300 * ms, Seed: 7}
	other := sim.Run(cfg, h.Scenario)
	until := func(trace []byte) []byte {
		var out []byte
		for line := range bytes.Lines(trace) {
			if bytes.Compare(line, []byte("0.300000001")) < 0 {
				out = append(out, line...)
			}
		}
		return out
	}
	if a, b := until(whole.Trace), until(other.Trace); !bytes.Equal(a, b) || len(a) == 0 {
		t.Error("the past differs")
	}
	if bytes.Equal(whole.Trace, other.Trace) {
		t.Error("the future does not differ")
	}
	if err := sim.Repeatable(cfg, h.Scenario); err != nil {
		t.Error(err)
	}
}

// The page of a failure shows its faults, its messages and what broke, and
// loads nothing.
func TestTimeline(t *testing.T) {
	if os.Getenv(sim.TimelinesVar) == "" {
		t.Setenv(sim.TimelinesVar, t.TempDir())
	}
	h := replicaHunt(ackBeforeSync, 1, 300)
	f, err := h.Run(t.Context())
	if err != nil || f == nil {
		t.Fatalf("%v %v", err, f)
	}
	if says := f.String(); !strings.Contains(says, f.Page) || !strings.Contains(says, "inevitable from") {
		t.Errorf("the failure does not tell of its page: %s", says)
	}
	page, err := os.ReadFile(f.Page)
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	for _, want := range []string{"primary", "backup", "write 1", "crash", `class="broken"`, `class="message"`, `class="sync"`, "Seed " + fmt.Sprint(f.Seed)} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, not := range []string{"http:", "https:", "src=", "@import"} {
		if strings.Contains(strings.ReplaceAll(text, `xmlns="http://www.w3.org/2000/svg"`, ""), not) {
			t.Errorf("the page loads something: %q", not)
		}
	}
}
