package history

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"dyno/internal/record"
)

// WriteID names a write: the N-th (from 1) of its origin, which is the branch that
// accepted it, or the session that made it.
type WriteID struct {
	Origin string `json:"origin"`
	N      int64  `json:"n"`
}

// Seen is the writes behind an answer: all of each origin up to the number in
// Vector, and those in Writes.
type Seen struct {
	Vector map[string]int64 `json:"vector,omitempty"`
	Writes []WriteID        `json:"writes,omitempty"`
}

// SessionInput is an operation of a session. A session is sequential: one
// operation after the other.
type SessionInput struct {
	Session string `json:"session"`
	Write   bool   `json:"write,omitempty"`
}

// String describes the request.
func (in SessionInput) String() string {
	if in.Write {
		return "write in session " + in.Session
	}
	return "read in session " + in.Session
}

// SessionOutput is its answer: the name of the write, or what the read has seen.
type SessionOutput struct {
	Wrote WriteID `json:"wrote,omitzero"`
	Seen  Seen    `json:"seen,omitzero"`
}

// String describes the answer.
func (out SessionOutput) String() string {
	if out.Wrote != (WriteID{}) {
		return "write " + out.Wrote.String()
	}
	var seen []string
	for _, origin := range slices.Sorted(maps.Keys(out.Seen.Vector)) {
		seen = append(seen, fmt.Sprintf("all to %d of %s", out.Seen.Vector[origin], origin))
	}
	for _, id := range out.Seen.Writes {
		seen = append(seen, id.String())
	}
	if len(seen) == 0 {
		return "saw nothing"
	}
	return "saw " + strings.Join(seen, ", ")
}

// String describes the name.
func (id WriteID) String() string { return fmt.Sprintf("%d of %s", id.N, id.Origin) }

// SessionOp is an operation of a session.
type SessionOp = Op[SessionInput, SessionOutput]

// Sessions are the four session guarantees (Terry et al., Session Guarantees
// for Weakly Consistent Replicated Data, 1994), each judged alone.
type Sessions struct {
	ReadYourWrites    Finding // a read has seen the session's earlier writes
	MonotonicReads    Finding // … and all that its earlier reads have seen
	MonotonicWrites   Finding // a replica that applied a write had applied the session's earlier ones
	WritesFollowReads Finding // … and all that the session's earlier reads had seen
}

// CheckSessions judges a history: the first two guarantees by the answers, the
// others by what each replica applied. Only acknowledged operations bind:
// a write of unknown outcome may show up at any time, or never. Examined are
// reads and applied writes that had something to follow. Linear in the size of
// history and logs, write sets spelled out; with vectors each read and write
// costs the number of origins.
func CheckSessions(ops []SessionOp, logs []ApplyLog) Sessions {
	var s Sessions
	s.names(ops)
	mw, wfr := newDependencies(), newDependencies()
	for _, session := range bySession(ops) {
		if why := overlap(session); why != "" {
			for _, f := range []*Finding{&s.ReadYourWrites, &s.MonotonicReads, &s.MonotonicWrites, &s.WritesFollowReads} {
				f.Examined++
				f.leaveOpen(why)
			}
			continue
		}
		s.reads(session)
		mw.follow(session, false)
		wfr.follow(session, true)
	}
	for _, l := range logs {
		mw.check(l, &s.MonotonicWrites)
		wfr.check(l, &s.WritesFollowReads)
	}
	return s
}

// bySession returns the operations of each session, in order.
func bySession(ops []SessionOp) (out [][]SessionOp) {
	by := make(map[string][]SessionOp)
	for _, o := range ops {
		by[o.Input.Session] = append(by[o.Input.Session], o)
	}
	for _, name := range sortedKeys(by) {
		session := by[name]
		slices.SortStableFunc(session, func(a, b SessionOp) int {
			return cmp.Or(cmp.Compare(a.Begin, b.Begin), cmp.Compare(a.Seq, b.Seq))
		})
		out = append(out, session)
	}
	return out
}

// names finds acknowledged writes without a name, or two with one name: what
// was written first is then lost, or nobody can tell.
func (s *Sessions) names(ops []SessionOp) {
	named := make(map[WriteID]bool)
	for _, o := range ops {
		if !o.Input.Write || o.Outcome != record.OK {
			continue
		}
		if id := o.Output.Wrote; id.N < 1 || named[id] {
			s.MonotonicWrites.Examined++
			s.MonotonicWrites.violate(fmt.Sprintf("%v: the write has no name of its own", o))
		}
		named[o.Output.Wrote] = true
	}
}

// overlap says which two operations of a session have no order.
func overlap(session []SessionOp) string {
	for i := 1; i < len(session); i++ {
		if a, b := session[i-1], session[i]; a.End > b.Begin {
			return fmt.Sprintf("session %s is not sequential: %v and %v overlap", a.Input.Session, a, b)
		}
	}
	return ""
}

func (s *Sessions) reads(session []SessionOp) {
	written, read := newWrites(), newWrites()
	for _, o := range session {
		if o.Outcome != record.OK {
			continue
		}
		if o.Input.Write {
			written.add(o.Output.Wrote)
			continue
		}
		seen := writesOf(o.Output.Seen)
		expectSeen(&s.ReadYourWrites, written, seen, o, "wrote")
		expectSeen(&s.MonotonicReads, read, seen, o, "had read")
		read.join(o.Output.Seen)
	}
}

func expectSeen(f *Finding, want, seen *writes, o SessionOp, how string) {
	if want.empty() {
		return
	}
	f.Examined++
	if lost, missing := seen.lacks(want); missing {
		f.violate(fmt.Sprintf("%v lacks write %d of %s, which the session %s before", o, lost.N, lost.Origin, how))
	}
}

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
