package fleet

import (
	"slices"
	"strings"
	"testing"
	"time"

	"dyno/bench/agent"
	"dyno/internal/record"
)

// A trial that is as it was to be has no flag, and each way in which it is not has one
// that names the machine.
func TestFlag(t *testing.T) {
	clock := agent.Clock{Ahead: 3 * time.Millisecond, Uncertain: time.Millisecond}
	type trial struct {
		apart     bool
		a, b      part
		reference agent.Clock
	}
	for want, spoil := range map[string]func(*trial){
		"":                                     func(*trial) {},
		"shared machine: came from machine b,": func(tr *trial) { tr.b.serving = true },
		"clocks: machine a is known to":        func(tr *trial) { tr.a.clock.Uncertain = 11 * time.Millisecond },
		"clocks: -1s ahead of the runner":      func(tr *trial) { tr.reference.Ahead, tr.b.clock.Ahead = -time.Second, -time.Second },
		"clocks: of a is 20ms ahead of": func(tr *trial) {
			tr.a.serving, tr.a.driving, tr.a.clock.Ahead = false, true, 23*time.Millisecond
		},
		"throttled: denied machine b 40ms": func(tr *trial) { tr.b.throttled = 40 * time.Millisecond },
		" ": func(tr *trial) { // nothing that matters
			tr.apart, tr.a.driving, tr.b.throttled = false, true, throttledWithin
		},
	} {
		tr := trial{true, part{"a", true, false, clock, 0}, part{"b", false, true, clock, 0}, clock}
		spoil(&tr)
		var o record.Observation
		flag(&o, tr.apart, []part{tr.a, tr.b}, tr.reference)
		name, says, _ := strings.Cut(strings.TrimSpace(want), ": ")
		var got []string
		for _, f := range o.Flags {
			got = append(got, f.Name+": "+f.Detail)
		}
		if name == "" && len(got) > 0 || name != "" && (len(got) != 1 || !strings.HasPrefix(got[0], name+": ") ||
			slices.ContainsFunc(strings.Fields(says), func(w string) bool { return !strings.Contains(got[0], w) })) {
			t.Errorf("%q: flags %q", want, got)
		}
	}
}
