package sim_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"dyno/bench/sim"
	"pgregory.net/rapid"
)

var errFound = errors.New("found")

// has fails a schedule in which all of the wanted (kind, node) pairs stand.
func has(wanted ...string) func(sim.Schedule) error {
	return func(s sim.Schedule) error {
		for _, want := range wanted {
			if !slices.ContainsFunc(s, func(f sim.Fault) bool { return strings.Contains(f.String(), want) }) {
				return nil
			}
		}
		return errFound
	}
}

func TestShrinkFindsWhatIsNeeded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := sim.Profile{Nodes: []string{"s1", "s2", "s3"}, Until: time.Second, Faults: 30}
		s, err := sim.Generate(rapid.Uint64().Draw(t, "seed"), p)
		if err != nil {
			t.Fatal(err)
		}
		fails := has("crash s1", "pause s2")
		got := sim.Shrink(s, fails, 5000)
		if fails(s) == nil {
			if got.Err != nil || got.Runs != 1 {
				t.Fatalf("a schedule that passes is shrunk: %+v", got)
			}
			return
		}
		if len(got.Faults) != 2 || !got.Minimal || !errors.Is(got.Err, errFound) || fails(got.Faults) == nil {
			t.Fatalf("got %+v", got)
		}
	})
}

func TestShrinkSimplifies(t *testing.T) {
	s, err := sim.ParseSchedule(`
		heal@1ms
		crash s1=0.37@123.456789ms..211.11111ms
		cut s1,s2,s3->s4,s5@200ms..1.2s
		drop=0.4321@300ms..1.3s
		delay=38.8885ms±38.8885ms@400ms..523ms`)
	must(err)
	got := sim.Shrink(s, func(s sim.Schedule) error {
		var crash, cut, drop, slow bool
		for _, f := range s {
			crash = crash || f.Kind == sim.Crash && f.At > 110*ms && f.For > 5*ms
			cut = cut || f.Kind == sim.Cut && slices.Contains(f.Links.A, "s2")
			drop = drop || f.Kind == sim.Drop && f.P > 0.2
			slow = slow || f.Kind == sim.Delayed && f.Delay > 10*ms
		}
		if crash && cut && drop && slow {
			return errFound
		}
		return nil
	}, 5000)
	want := `crash s1@120ms..130ms
cut s2->s5@200ms..201ms
drop=0.4@300ms..301ms
delay=15ms±15ms@400ms..401ms
`
	if got.Faults.String() != want || !got.Minimal {
		t.Errorf("got\n%s\nwant\n%s", got.Faults, want)
	}
	if !slices.IsSortedFunc(got.Faults, func(a, b sim.Fault) int { return int(a.At - b.At) }) {
		t.Errorf("not in order:\n%s", got.Faults)
	}
}

// Leaving out one fault can make an earlier one superfluous.
func TestShrinkUntilNoneCanGo(t *testing.T) {
	s, err := sim.ParseSchedule("restart a@0s\nresume a@0s\nheal@0s")
	must(err)
	got := sim.Shrink(s, func(s sim.Schedule) error {
		if has("heal")(s) == nil || has("resume")(s) != nil && has("restart")(s) == nil {
			return nil
		}
		return errFound
	}, 100)
	if got.Faults.String() != "heal@0s\n" || !got.Minimal {
		t.Errorf("got %+v", got)
	}
}

func TestShrinkToNothing(t *testing.T) {
	s, err := sim.ParseSchedule("heal@1ms\nheal@2ms\nheal@3ms")
	must(err)
	got := sim.Shrink(s, func(sim.Schedule) error { return errFound }, 100)
	if len(got.Faults) != 0 || !got.Minimal || got.Runs != 2 {
		t.Errorf("what fails without any fault is shrunk to %+v", got)
	}
}

func TestShrinkIsBounded(t *testing.T) {
	s, err := sim.Generate(1, sim.Profile{Nodes: []string{"s1", "s2"}, Until: time.Second, Faults: 1000})
	must(err)
	for _, bound := range []int{0, 1, 7, 50} {
		calls := 0
		got := sim.Shrink(s, func(s sim.Schedule) error {
			calls++
			if len(s) > 3 {
				return errFound
			}
			return nil
		}, bound)
		if calls > bound || got.Runs != calls || got.Minimal && bound < 50 {
			t.Errorf("%d runs of %d: %+v", calls, bound, got)
		}
	}
}
