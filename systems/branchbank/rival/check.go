package rival

import (
	"strconv"

	hist "dyno/bench/history"
	"dyno/bench/rival"
	"dyno/bench/visit"
	"dyno/internal/record"
	"dyno/systems"
)

// history is what a trial left.
type history struct {
	Load     []record.Check  `json:"load"` // the generator's own
	Sessions []visit.Session `json:"sessions"`
	Copies   [2][]int64      `json:"copies"`   // balances in the end, of primary and replica
	Writes   int64           `json:"writes"`   // as the primary counts them
	Promised bool            `json:"promised"` // a session reads its own writes
	Version  string          `json:"version"`
}

// ops are the sessions as the checker wants them. An account has the writes of
// one customer only, so its balance says how many of them a read has seen. After a
// deposit of unknown end nobody knows that, and the session ends.
func (h history) ops() (ops []hist.SessionOp) {
	for i, s := range h.Sessions {
		asked, wrote := visit.Asks(i, len(h.Sessions)), 0
		for at := 0; at < len(s) && s[at] != visit.Doubtful; at++ {
			op := hist.SessionOp{Client: int32(i), Seq: int32(at), Begin: int64(at), End: int64(at) + 1, Outcome: record.OK}
			op.Input.Session = strconv.Itoa(i)
			if s[at] == visit.Deposited {
				wrote++
				op.Input.Write, op.Output.Wrote = true, deposit(i, wrote)
			} else {
				if at+visit.Asked > len(s) {
					break
				}
				op.Output.Seen.Vector = map[string]int64{}
				for k, account := range asked {
					op.Output.Seen.Vector[strconv.Itoa(account)] = s[at+k]
				}
				at += visit.Asked - 1
			}
			ops = append(ops, op)
		}
	}
	return ops
}

// deposit names the n-th of a customer, from 1.
func deposit(customer, n int) hist.WriteID {
	return hist.WriteID{Origin: strconv.Itoa(visit.Account(customer, n)), N: int64((n + visit.Accounts - 1) / visit.Accounts)}
}

// found is what the session checker says: of the reads by themselves, and of the
// writes by what reads saw of the replica.
func (h history) found() hist.Sessions {
	ops := h.ops()
	found, views := hist.CheckSessions(ops, nil), hist.CheckViews(ops)
	found.MonotonicWrites, found.WritesFollowReads = views.MonotonicWrites, views.WritesFollowReads
	return found
}

// observe counts what the session guarantees would forbid.
func (h history) observe(o *record.Observation) {
	found := h.found()
	share := func(f hist.Finding) float64 { return float64(f.Violations) / float64(max(1, f.Examined)) }
	o.Set("rival_stale_reads", share(found.ReadYourWrites))
	o.Set("rival_backward_reads", share(found.MonotonicReads))
	o.Set("rival_disordered_writes", share(found.MonotonicWrites))
	o.Set("rival_causeless_writes", share(found.WritesFollowReads))
	// The law counts operations, of which a write is one in two.
	o.Evidence.Facts[rival.FactWrites] = float64(h.Writes + h.reads())
	o.Verdict = h.judge()
}

// Judge judges a trial again by its bundle.
func Judge(bundle string) (record.Verdict, error) {
	var h history
	err := systems.ReadHistory(bundle, &h)
	return h.judge(), err
}

// judge holds what is promised against what was seen.
func (h history) judge() record.Verdict {
	found := h.found()
	checks := append(h.Load, h.converged(), found.MonotonicReads.Check("monotonic-reads"),
		found.MonotonicWrites.Check("monotonic-writes"), found.WritesFollowReads.Check("writes-follow-reads"), rival.Checked(h.Version))
	if h.Promised {
		checks = append(checks, found.ReadYourWrites.Check("read-your-writes"))
	}
	return record.Judge(checks...)
}

// reads is how many balances the sessions were told.
func (h history) reads() (n int64) {
	for _, s := range h.Sessions {
		for _, x := range s {
			if x >= 0 {
				n++
			}
		}
	}
	return n / visit.Asked
}

// converged: both copies hold every deposit that was acknowledged, and none that
// was not asked for.
func (h history) converged() record.Check {
	const name = "converged"
	var n int64
	for i, s := range h.Sessions {
		var acked, sent [visit.Accounts]int64
		deposits := 0
		for _, x := range s {
			if x >= 0 {
				continue
			}
			deposits++
			account := (deposits - 1) % visit.Accounts
			sent[account]++
			if x == visit.Deposited {
				acked[account]++
			}
		}
		for k := range visit.Accounts {
			account := visit.Accounts*i + k
			for at, balances := range h.Copies {
				n += acked[k]
				if want := visit.Accounts * len(h.Sessions); len(balances) != want {
					return record.Fail(name, n, "copy %d has %d balances of %d", at, len(balances), want)
				}
				if got := balances[account]; got < acked[k] || got > sent[k] {
					return record.Fail(name, n, "copy %d: of account %d %d deposits of 1 were acknowledged, %d sent, and the balance is %d", at, account,
						acked[k], sent[k], got)
				}
			}
		}
	}
	return record.Pass(name, n)
}
