package rival

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"dyno/bench/driver"
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
		o := systemtest.Try(t, toy, systems.Setting{Warmup: 100 * time.Millisecond, Length: 500 * time.Millisecond}, c.values)
		if got := systemtest.Caught(o.Verdict); got != c.want || o.Counts.OK == 0 {
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
	judge := func(h history) string { return systemtest.Caught(h.judge()) }
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
