package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Always ends the run with an error that names the property, the node and the
// time unless it holds. The arguments say what was seen.
func (e *Env) Always(property string, holds bool, format string, args ...any) {
	if !holds {
		e.Fail(fmt.Errorf("%s does not hold: %s", property, fmt.Sprintf(format, args...)))
	}
}

// Sometimes notes that a situation was met, if it was: one that is rare, and
// without which a run proves little. A [Hunt] fails when none of its seeds
// reached a situation that it names.
func (e *Env) Sometimes(situation string, reached bool) {
	if reached && !e.dead {
		e.w.Sometimes(situation, true)
	}
}

// Sometimes is [Env.Sometimes] for a scenario's own checks.
func (w *World) Sometimes(situation string, reached bool) {
	if !reached {
		return
	}
	if w.reached == nil {
		w.reached = map[string]int{}
	}
	w.reached[situation]++
}

// Sweep is what a [Hunt] came to.
type Sweep struct {
	Seeds   int            // that were tried
	Failure *Failure       // of the lowest seed that fails; nil: none does
	Reached map[string]int // how many seeds met a situation; complete when none failed
	Syncs   map[string]int // how many seeds synced for a purpose; see [Disk.SyncFor]
}

// String lists the situations with how many seeds met them.
func (s *Sweep) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d seeds", s.Seeds)
	for _, name := range slices.Sorted(maps.Keys(s.Reached)) {
		fmt.Fprintf(&b, "\n%8d  %s", s.Reached[name], name)
	}
	return b.String()
}

// missing lists the situations that no seed met.
func (s *Sweep) missing(wanted []string) (out []string) {
	for _, name := range wanted {
		if s.Reached[name] == 0 {
			out = append(out, name)
		}
	}
	return out
}

// add counts one seed.
func (s *Sweep) add(out *Outcome) {
	s.Seeds++
	for name := range out.Reached {
		s.Reached[name]++
	}
	for purpose := range out.Syncs {
		s.Syncs[purpose]++
	}
}
