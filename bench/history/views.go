package history

import (
	"fmt"
	"maps"

	"dyno/internal/record"
)

// CheckViews judges the last two session guarantees by what reads saw, where no
// replica tells what it applied: an answer is a view of a replica at one moment,
// of the origins that its vector names (0: of those nothing). Whoever sees a write
// must see what that write follows, as far as the view goes: the session's earlier
// writes, and all that the session had read before. Examined are writes, the
// newest of its origin in a view, that follow something which the view is of.
// The other two findings, of which [CheckSessions] says more, are left empty. Each
// read and write costs the number of origins in vectors.
func CheckViews(ops []SessionOp) (s Sessions) {
	wrote, read := floors{}, floors{}
	for _, session := range bySession(ops) {
		written, seen := map[string]int64{}, map[string]int64{}
		for _, o := range session {
			switch {
			case o.Outcome != record.OK:
			case o.Input.Write:
				id := o.Output.Wrote
				wrote[id], read[id] = maps.Clone(written), maps.Clone(seen)
				written[id.Origin] = id.N
			default:
				for origin, n := range o.Output.Seen.Vector {
					seen[origin] = max(seen[origin], n)
				}
			}
		}
	}
	for _, o := range ops {
		if o.Outcome == record.OK && !o.Input.Write {
			wrote.check(o, &s.MonotonicWrites, "wrote")
			read.check(o, &s.WritesFollowReads, "had read")
		}
	}
	return s
}

// floors say of each write how much of other origins must be where it is.
type floors map[WriteID]map[string]int64

// check judges one view.
func (f floors) check(view SessionOp, found *Finding, how string) {
	v := view.Output.Seen.Vector
	for _, origin := range sortedKeys(v) {
		id := WriteID{origin, v[origin]}
		examined, lacks := false, WriteID{}
		for _, other := range sortedKeys(f[id]) {
			if n, of := v[other]; of && f[id][other] > 0 {
				examined = true
				if n < f[id][other] {
					lacks = WriteID{other, f[id][other]}
				}
			}
		}
		if examined {
			found.Examined++
		}
		if lacks.N > 0 {
			found.violate(fmt.Sprintf("%v has write %d of %s and lacks write %d of %s, which its session %s before", view, id.N, id.Origin,
				lacks.N, lacks.Origin, how))
		}
	}
}
