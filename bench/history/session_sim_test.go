package history

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"dyno/internal/record"
)

// travel is the history of customers who move between branches.
type travel struct {
	ops  []SessionOp
	logs []ApplyLog
}

// causal simulates branches that propagate writes lazily, in causal order, and
// pull what a customer's token needs before they serve.
type causal struct {
	r      *rand.Rand
	sets   bool // answers carry write sets instead of vectors
	seen   []map[string]int64
	logs   []ApplyLog
	deps   map[WriteID]map[string]int64
	tokens []map[string]int64
	now    int64
	count  []int32
}

func branchName(i int) string { return fmt.Sprint("b", i) }

// pull makes branch b apply all that is in need, dependencies first.
func (c *causal) pull(b int, need map[string]int64) {
	for _, origin := range sortedKeys(need) {
		for n := c.seen[b][origin] + 1; n <= need[origin]; n++ {
			id := WriteID{origin, n}
			c.pull(b, c.deps[id])
			if c.seen[b][origin] < n {
				c.apply(b, id)
			}
		}
	}
}

func (c *causal) apply(b int, id WriteID) {
	c.seen[b][id.Origin] = id.N
	c.logs[b].Writes = append(c.logs[b].Writes, id)
}

func (c *causal) answer(v map[string]int64) Seen {
	if !c.sets {
		return Seen{Vector: cloned(v)}
	}
	var s Seen
	for _, origin := range sortedKeys(v) {
		for n := int64(1); n <= v[origin]; n++ {
			s.Writes = append(s.Writes, WriteID{origin, n})
		}
	}
	return s
}

func cloned(v map[string]int64) map[string]int64 {
	out := make(map[string]int64, len(v))
	maps.Copy(out, v)
	return out
}

func (c *causal) step(session int) SessionOp {
	b := c.r.IntN(len(c.seen))
	op := SessionOp{Client: int32(session), Seq: c.count[session], Begin: c.now, End: c.now + 5, Outcome: record.OK}
	op.Input = SessionInput{Session: fmt.Sprint("c", session), Write: c.r.IntN(2) == 0}
	c.count[session]++
	c.now += 10
	if c.r.IntN(10) == 0 {
		op.Outcome = record.Unknown
	}
	if op.Outcome == record.Unknown && c.r.IntN(2) == 0 {
		return op // never arrived
	}
	c.pull(b, c.tokens[session])
	if op.Input.Write {
		id := WriteID{branchName(b), c.seen[b][branchName(b)] + 1}
		c.deps[id] = cloned(c.seen[b])
		c.apply(b, id)
		if op.Outcome == record.OK {
			op.Output.Wrote = id
			c.tokens[session] = cloned(c.seen[b])
		}
	} else if op.Outcome == record.OK {
		op.Output.Seen = c.answer(c.seen[b])
		c.tokens[session] = cloned(c.seen[b])
	}
	return op
}

func travellers(r *rand.Rand) travel {
	const branches, sessions = 3, 3
	c := &causal{r: r, sets: r.IntN(2) == 0, deps: map[WriteID]map[string]int64{}, count: make([]int32, sessions)}
	for i := range branches {
		c.seen = append(c.seen, map[string]int64{})
		c.logs = append(c.logs, ApplyLog{Replica: branchName(i)})
	}
	c.tokens = make([]map[string]int64, sessions)
	var t travel
	for range 60 {
		if r.IntN(3) == 0 {
			c.pull(r.IntN(branches), c.seen[r.IntN(branches)])
			continue
		}
		t.ops = append(t.ops, c.step(r.IntN(sessions)))
	}
	t.logs = c.logs
	return t
}

// without removes a write from an answer, and as a vector all later ones.
func without(s Seen, id WriteID) Seen {
	out := Seen{Vector: cloned(s.Vector)}
	if out.Vector[id.Origin] >= id.N {
		out.Vector[id.Origin] = id.N - 1
	}
	for _, w := range s.Writes {
		if w != id {
			out.Writes = append(out.Writes, w)
		}
	}
	return out
}

func size(s Seen) int {
	n := len(s.Writes)
	for _, k := range s.Vector {
		n += int(k)
	}
	return n
}

// inSession picks two acknowledged operations of one session, a before b.
func inSession(t travel, r *rand.Rand, fits func(a, b *SessionOp) bool) (i, j int, ok bool) {
	return pickPair(r, len(t.ops), func(i, j int) bool {
		a, b := &t.ops[i], &t.ops[j]
		return a.Outcome == record.OK && b.Outcome == record.OK && a.Input.Session == b.Input.Session && a.Begin < b.Begin && fits(a, b)
	})
}

// logFault applies a change to a log where one write comes before another,
// both by one session, or the first seen by it.
func logFault(t travel, r *rand.Rand, first func(a *SessionOp) (WriteID, bool), change func(log []WriteID, i, j int) []WriteID) (travel, bool) {
	b := r.IntN(len(t.logs))
	log := t.logs[b].Writes
	at, to := -1, -1
	_, _, ok := inSession(t, r, func(x, y *SessionOp) bool {
		id, fits := first(x)
		at, to = slices.Index(log, id), slices.Index(log, y.Output.Wrote)
		return fits && y.Input.Write && at >= 0 && to > at
	})
	if ok {
		t.logs[b].Writes = change(slices.Clone(log), at, to)
	}
	return t, ok
}

func wrote(a *SessionOp) (WriteID, bool) { return a.Output.Wrote, a.Input.Write }

func read(a *SessionOp) (WriteID, bool) {
	w := writesOf(a.Output.Seen)
	for _, origin := range sortedKeys(w.upTo) {
		if n := w.upTo[origin]; n > 0 && !a.Input.Write {
			return WriteID{origin, n}, true
		}
	}
	return WriteID{}, false
}

// late moves the earlier write behind the later one.
func late(log []WriteID, i, j int) []WriteID {
	id := log[i]
	copy(log[i:j], log[i+1:j+1])
	log[j] = id
	return log
}

func drop(log []WriteID, i, _ int) []WriteID { return slices.Delete(log, i, i+1) }

func swapEnds(log []WriteID, i, j int) []WriteID {
	log[i], log[j] = log[j], log[i]
	return log
}

var sessionMutants = []Mutant[travel]{
	{"own write missing", func(t travel, r *rand.Rand) (travel, bool) {
		i, j, ok := inSession(t, r, func(a, b *SessionOp) bool { return a.Input.Write && !b.Input.Write })
		t.ops[j].Output.Seen = without(t.ops[j].Output.Seen, t.ops[i].Output.Wrote)
		return t, ok
	}},
	{"older read", func(t travel, r *rand.Rand) (travel, bool) {
		older, ok := pick(r, len(t.ops), func(i int) bool { return t.ops[i].Outcome == record.OK && !t.ops[i].Input.Write })
		if !ok {
			return t, false
		}
		_, j, ok := inSession(t, r, func(a, b *SessionOp) bool {
			return !a.Input.Write && !b.Input.Write && size(t.ops[older].Output.Seen) < size(a.Output.Seen)
		})
		t.ops[j].Output.Seen = t.ops[older].Output.Seen
		return t, ok
	}},
	{"two reads swapped", func(t travel, r *rand.Rand) (travel, bool) {
		i, j, ok := inSession(t, r, func(a, b *SessionOp) bool {
			return !a.Input.Write && !b.Input.Write && size(a.Output.Seen) < size(b.Output.Seen)
		})
		x, y := &t.ops[i].Output, &t.ops[j].Output
		x.Seen, y.Seen = y.Seen, x.Seen
		return t, ok
	}},
	{"write dropped from a read", func(t travel, r *rand.Rand) (travel, bool) {
		i, j, ok := inSession(t, r, func(a, b *SessionOp) bool { _, some := read(a); return some && !b.Input.Write })
		id, _ := read(&t.ops[i])
		t.ops[j].Output.Seen = without(t.ops[j].Output.Seen, id)
		return t, ok
	}},
	{"one name, two writes", func(t travel, r *rand.Rand) (travel, bool) {
		i, j, ok := inSession(t, r, func(a, b *SessionOp) bool { return a.Input.Write && b.Input.Write })
		t.ops[j].Output.Wrote = t.ops[i].Output.Wrote
		return t, ok
	}},
	{"own writes reordered", func(t travel, r *rand.Rand) (travel, bool) { return logFault(t, r, wrote, late) }},
	{"own writes swapped", func(t travel, r *rand.Rand) (travel, bool) { return logFault(t, r, wrote, swapEnds) }},
	{"own write not applied", func(t travel, r *rand.Rand) (travel, bool) { return logFault(t, r, wrote, drop) }},
	{"read write applied late", func(t travel, r *rand.Rand) (travel, bool) { return logFault(t, r, read, late) }},
	{"read write not applied", func(t travel, r *rand.Rand) (travel, bool) { return logFault(t, r, read, drop) }},
}

func TestSessionGuarantees(t *testing.T) {
	runSuite(t, Suite[travel]{travellers, func(t travel) []record.Check {
		s := CheckSessions(t.ops, t.logs)
		return []record.Check{
			s.ReadYourWrites.Check("read your writes"), s.MonotonicReads.Check("monotonic reads"),
			s.MonotonicWrites.Check("monotonic writes"), s.WritesFollowReads.Check("writes follow reads"),
		}
	}, sessionMutants}, 1000)
}
