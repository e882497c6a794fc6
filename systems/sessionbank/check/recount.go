package check

import (
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
