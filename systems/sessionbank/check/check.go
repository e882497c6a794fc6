// Package check holds what customers were told against what the branches have
// applied. It knows no shell: the same checks judge trials and simulations.
package check

import (
	"strconv"

	"dyno/bench/history"
	"dyno/internal/record"
	"dyno/internal/replica"
	"dyno/systems/sessionbank/core/bank"
	"dyno/systems/sessionbank/core/token"
)

// Op is an operation as its session saw it, all attempts under one number as one.
type Op struct {
	Session string         `json:"session"`
	Number  uint64         `json:"number,omitempty"` // of a write
	Kind    bank.Kind      `json:"kind"`
	Amount  int64          `json:"amount,omitempty"`
	At      replica.ID     `json:"at,omitempty"` // who was asked last
	Begin   int64          `json:"begin_ns"`
	End     int64          `json:"end_ns"`
	Outcome record.Outcome `json:"outcome"`           // Refused: for want of money
	Origin  replica.ID     `json:"origin,omitempty"`  // of a write that is done
	Seq     uint64         `json:"seq,omitempty"`     // of a write that is done
	Seen    replica.Vector `json:"seen,omitempty"`    // behind a balance or a refusal
	Balance int64          `json:"balance,omitempty"` // of a query
	Again   bool           `json:"again,omitempty"`   // a refusal that was given before: it shows an older state
}

// Branch is what a branch held at the end.
type Branch struct {
	ID      replica.ID   `json:"id"`
	Log     []bank.Entry `json:"log"`
	Balance int64        `json:"balance"`
}

// History is a whole run, after everything has propagated.
type History struct {
	Initial    int64            `json:"initial"`
	Guarantees token.Guarantees `json:"guarantees"`
	Ops        []Op             `json:"ops"`
	Branches   []Branch         `json:"branches"`
	Settled    bool             `json:"settled"` // every branch had time to apply everything
}

func branchName(id replica.ID) string { return strconv.Itoa(int(id)) }

// Sessions counts violations of each guarantee, whether it was asked for or not.
// A refusal is a read: it tells that the balance was too small.
func (h *History) Sessions() history.Sessions {
	ops := make([]history.SessionOp, len(h.Ops))
	for i, o := range h.Ops {
		s := history.SessionOp{Seq: int32(i), Begin: o.Begin, End: o.End, Outcome: o.Outcome}
		s.Input = history.SessionInput{Session: o.Session, Write: o.Kind != bank.Query}
		switch {
		case o.Outcome == record.Refused && !o.Again:
			s.Input.Write, s.Outcome = false, record.OK
			s.Output.Seen = seen(o.Seen)
		case o.Outcome == record.OK && s.Input.Write:
			s.Output.Wrote = history.WriteID{Origin: branchName(o.Origin), N: int64(o.Seq)}
		case o.Outcome == record.OK:
			s.Output.Seen = seen(o.Seen)
		}
		ops[i] = s
	}
	logs := make([]history.ApplyLog, len(h.Branches))
	for i, b := range h.Branches {
		logs[i] = history.ApplyLog{Replica: branchName(b.ID), Writes: make([]history.WriteID, len(b.Log))}
		for j, e := range b.Log {
			logs[i].Writes[j] = history.WriteID{Origin: branchName(e.Origin), N: int64(e.Seq)}
		}
	}
	return history.CheckSessions(ops, logs)
}

func seen(v replica.Vector) history.Seen {
	s := history.Seen{Vector: make(map[string]int64, len(v))}
	for id, n := range v {
		s.Vector[branchName(id)] = int64(n)
	}
	return s
}

// Guarantee is one of the four, with what was found about it.
type Guarantee struct {
	Name    string // of its check
	Is      token.Guarantees
	Finding history.Finding
}

// Each are the four guarantees of a finding.
func Each(s history.Sessions) []Guarantee {
	return []Guarantee{
		{"read-your-writes", token.ReadYourWrites, s.ReadYourWrites},
		{"monotonic-writes", token.MonotonicWrites, s.MonotonicWrites},
		{"monotonic-reads", token.MonotonicReads, s.MonotonicReads},
		{"writes-follow-reads", token.WritesFollowReads, s.WritesFollowReads},
	}
}

// Judge is the verdict: the guarantees that were asked for, and what holds
// whatever was asked for.
func (h *History) Judge(more ...record.Check) record.Verdict {
	return record.Judge(append(more, h.Checks()...)...)
}

// Checks are those of [History.Judge]. A guarantee that nothing in a short run
// could have broken is left out.
func (h *History) Checks() []record.Check {
	var checks []record.Check
	for _, g := range Each(h.Sessions()) {
		if h.Guarantees&g.Is != 0 && g.Finding.Examined > 0 {
			checks = append(checks, g.Finding.Check(g.Name))
		}
	}
	return append(checks, h.applied(), h.agree(), h.answers())
}

// applied: what was acknowledged is at every branch, what was refused or failed
// at none; each write does what was asked, and counts once.
func (h *History) applied() record.Check {
	const name = "applied"
	asked := make(map[bank.Name]*Op, len(h.Ops))
	for i := range h.Ops {
		if o := &h.Ops[i]; o.Kind != bank.Query {
			asked[o.name()] = o
		}
	}
	examined := int64(len(asked))
	for _, b := range h.Branches {
		there := make(map[bank.Name]bool, len(b.Log))
		balance := h.Initial
		for _, e := range b.Log {
			o := asked[e.Name]
			switch {
			case o == nil:
				return record.Fail(name, examined, "branch %d has applied %v, which nobody asked for", b.ID, e.Name)
			case o.Outcome == record.Refused || o.Outcome == record.Failed:
				return record.Fail(name, examined, "branch %d has applied %v, whose customer was told that it is %v", b.ID, e.Name, o.Outcome)
			case e.Delta != delta(o):
				return record.Fail(name, examined, "branch %d has applied %d as %v, asked for was %d", b.ID, e.Delta, e.Name, delta(o))
			}
			if !there[e.Name] {
				there[e.Name] = true
				balance += e.Delta
			}
		}
		if balance != b.Balance {
			return record.Fail(name, examined, "branch %d holds %d, its writes come to %d", b.ID, b.Balance, balance)
		}
		for i := range h.Ops {
			o := &h.Ops[i]
			if o.Kind != bank.Query && o.Outcome == record.OK && h.Settled && !there[o.name()] {
				return record.Fail(name, examined, "branch %d has not applied %v, which was acknowledged", b.ID, o.name())
			}
		}
	}
	if !h.Settled {
		return record.Doubt(name, examined, "writes were still under way at the end")
	}
	return record.Pass(name, examined)
}

func (o *Op) name() bank.Name { return bank.Name{Session: o.Session, Number: o.Number} }

func delta(o *Op) int64 {
	if o.Kind == bank.Withdraw {
		return -o.Amount
	}
	return o.Amount
}

// answers: each balance, and each refusal, is right for the writes that are said
// to be behind it.
func (h *History) answers() record.Check {
	const name = "answers"
	books := h.books()
	var examined int64
	for i := range h.Ops {
		o := &h.Ops[i]
		if o.Outcome != record.Refused && (o.Kind != bank.Query || o.Outcome != record.OK) {
			continue
		}
		balance, ok := books.at(o.Seen)
		examined++
		switch {
		case !ok:
			return record.Fail(name, examined, "session %s, operation %d: no branch has all of the writes %v", o.Session, i, o.Seen)
		case o.Kind == bank.Query && o.Balance != balance:
			return record.Fail(name, examined, "session %s, operation %d: the balance is %d after %v, told was %d", o.Session, i, balance,
				o.Seen, o.Balance)
		case o.Outcome == record.Refused && balance >= o.Amount && !o.Again:
			return record.Fail(name, examined, "session %s, operation %d: a withdrawal of %d was refused with %d after %v", o.Session, i,
				o.Amount, balance, o.Seen)
		}
	}
	return record.Pass(name, examined)
}

// books knows the balance after any vector of writes.
type books struct {
	initial int64
	sums    map[replica.ID][]int64              // after so many of an origin's writes; names that are there twice left out
	twice   map[bank.Name]map[replica.ID]uint64 // where those stand
	deltas  map[bank.Name]int64
}

func (h *History) books() books {
	b := books{h.Initial, map[replica.ID][]int64{}, map[bank.Name]map[replica.ID]uint64{}, map[bank.Name]int64{}}
	all := make(map[replica.ID][]bank.Entry)
	for _, branch := range h.Branches {
		mine := make(map[replica.ID][]bank.Entry)
		for _, e := range branch.Log {
			mine[e.Origin] = append(mine[e.Origin], e)
		}
		for origin, entries := range mine {
			if len(entries) > len(all[origin]) {
				all[origin] = entries
			}
		}
	}
	places := make(map[bank.Name]map[replica.ID]uint64)
	for origin, entries := range all {
		for _, e := range entries {
			if places[e.Name] == nil {
				places[e.Name] = make(map[replica.ID]uint64, 1)
			}
			places[e.Name][origin] = e.Seq
		}
	}
	for origin, entries := range all {
		sums := make([]int64, 1, len(entries)+1)
		for _, e := range entries {
			sum := sums[len(sums)-1]
			if p := places[e.Name]; len(p) > 1 {
				b.twice[e.Name], b.deltas[e.Name] = p, e.Delta
			} else {
				sum += e.Delta
			}
			sums = append(sums, sum)
		}
		b.sums[origin] = sums
	}
	return b
}

func (b *books) at(v replica.Vector) (balance int64, ok bool) {
	balance = b.initial
	for origin, n := range v {
		if n == 0 {
			continue
		}
		if n >= uint64(len(b.sums[origin])) {
			return 0, false
		}
		balance += b.sums[origin][n]
	}
	for name, places := range b.twice {
		for origin, n := range places {
			if v[origin] >= n {
				balance += b.deltas[name]
				break
			}
		}
	}
	return balance, true
}
