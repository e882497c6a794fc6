package experiments

import (
	"errors"
	"fmt"
	"slices"

	"dyno/bench/load"
	"dyno/internal/record"
	"dyno/systems"
)

// load checks the load model. That of a search is completed with its defaults,
// so that results say what was searched for.
func (k *checker) load() error {
	l := &k.e.Load
	if !slices.Contains(record.Loops, l.Loop) {
		return k.fail(fmt.Errorf("load.loop %w", &systems.ChoiceError{Word: l.Loop, Allowed: record.Loops}), "load", "loop")
	}
	if l.Loop != "search" {
		if *l != (record.Load{Loop: l.Loop}) {
			return k.fail(fmt.Errorf("load: p99-below, from, to, precision and probes belong to loop search, not to %s", l.Loop), "load")
		}
		return nil
	}
	if l.P99Below == 0 || l.From == 0 || l.To == 0 {
		return k.fail(errors.New("load: a search needs p99-below, from and to, for example {loop: search, p99-below: 100ms, from: 100, to: "+
			"5000}"), "load")
	}
	for name, scale := range k.e.Scales {
		if n := l.From * scale.Length.Duration().Seconds(); n < load.MinProbeOperations {
			return k.fail(fmt.Errorf("scale %s: a probe of %v at %v req/s has %.0f requests, and p99 takes %d: raise load.from, or length", name,
				scale.Length, l.From, n, load.MinProbeOperations), "scales", name, "length")
		}
	}
	t, err := load.SearchGoal(*l, 0, 0).Check()
	if err != nil {
		return k.fail(fmt.Errorf("load: %w", err), "load")
	}
	l.Precision, l.Probes = t.Precision, t.Probes
	return nil
}
