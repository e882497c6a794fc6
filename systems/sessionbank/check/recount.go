package check

import (
	"fmt"
	"maps"

	"dyno/internal/record"
	"dyno/internal/replica"
	"dyno/systems/sessionbank/core/bank"
)

// Count is how many facts could have violated a guarantee, and how many did.
type Count struct{ Examined, Violations int64 }

// Share is that of the violations.
func (c Count) Share() float64 {
	if c.Examined == 0 {
		return 0
	}
	return float64(c.Violations) / float64(c.Examined)
}

// Recount counts violations as [History.Sessions] does, in the order of [Each], by
// other code: by vectors alone, which suffice because branches apply each other's
// writes without gaps.
func (h *History) Recount() (out [4]Count) {
	type session struct{ written, read replica.Vector }
	sessions := make(map[string]*session)
	type needs struct{ own, read replica.Vector }
	writes := make(map[replica.ID]map[uint64]needs)
	for i := range h.Ops { // in the order of their sessions
		o := &h.Ops[i]
		s := sessions[o.Session]
		if s == nil {
			s = &session{make(replica.Vector), make(replica.Vector)}
			sessions[o.Session] = s
		}
		switch {
		case o.Outcome == record.OK && o.Kind != bank.Query:
			if writes[o.Origin] == nil {
				writes[o.Origin] = make(map[uint64]needs)
			}
			writes[o.Origin][o.Seq] = needs{s.written.Clone(), s.read.Clone()}
			s.written.Merge(replica.Vector{o.Origin: o.Seq})
		case o.Outcome == record.OK, o.Outcome == record.Refused && !o.Again:
			out[0].expect(s.written, o.Seen)
			out[2].expect(s.read, o.Seen)
			s.read.Merge(o.Seen)
		}
	}
	for _, b := range h.Branches {
		has := make(replica.Vector)
		for _, e := range b.Log {
			if n, ours := writes[e.Origin][e.Seq]; ours {
				out[1].expect(n.own, has)
				out[3].expect(n.read, has)
			}
			has[e.Origin] = e.Seq
		}
	}
	return out
}

func (c *Count) expect(needs, has replica.Vector) {
	if len(needs) == 0 {
		return
	}
	c.Examined++
	if !has.Covers(needs) {
		c.Violations++
	}
}

// agree: all branches have the same writes and the same balance.
func (h *History) agree() record.Check {
	const name = "agree"
	n := int64(len(h.Branches))
	for _, b := range h.Branches[min(1, len(h.Branches)):] {
		first := h.Branches[0]
		if h.Settled && (b.Balance != first.Balance || !maps.Equal(top(b.Log), top(first.Log))) {
			return record.Fail(name, n, "branch %d holds %d after %s, branch %d holds %d after %s",
				first.ID, first.Balance, after(first.Log), b.ID, b.Balance, after(b.Log))
		}
	}
	return record.Pass(name, n)
}

// top is how many writes of each origin a log has; a log with a gap or a
// repetition has a number below 0.
func top(log []bank.Entry) map[replica.ID]int64 {
	v := make(map[replica.ID]int64)
	for _, e := range log {
		if v[e.Origin]++; v[e.Origin] != int64(e.Seq) {
			return map[replica.ID]int64{e.Origin: -int64(e.Seq)}
		}
	}
	return v
}

// after says which writes a log has, in words.
func after(log []bank.Entry) string {
	v := top(log)
	for origin, n := range v {
		if n < 0 {
			return fmt.Sprintf("a log in which write %d of branch %d comes out of order or twice", -n, origin)
		}
	}
	return fmt.Sprintf("as many writes by branch as %v", v)
}
