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

// ops are the sessions as the checker wants them. All writes of a session are to
// its own account, so a balance says how many of them a read has seen.
func (h history) ops() (ops []hist.SessionOp) {
	for i, s := range h.Sessions {
		own, other := strconv.Itoa(i), strconv.Itoa((i+1)%len(h.Sessions))
		wrote := int64(0)
		for at := 0; at < len(s); at++ {
			op := hist.SessionOp{Client: int32(i), Seq: int32(at), Begin: int64(at), End: int64(at) + 1, Outcome: record.OK}
			op.Input.Session = own
			switch s[at] {
			case visit.Deposited, visit.Doubtful:
				wrote++
				op.Input.Write, op.Output.Wrote = true, hist.WriteID{Origin: own, N: wrote}
				if s[at] == visit.Doubtful {
					op.Outcome = record.Unknown
				}
			default:
				if at++; at == len(s) {
					return ops
				}
				op.Output.Seen.Vector = map[string]int64{own: s[at-1], other: s[at]}
			}
			ops = append(ops, op)
		}
	}
	return ops
}

// found is what the session checker says.
func (h history) found() hist.Sessions { return hist.CheckSessions(h.ops(), nil) }

// observe counts what the session guarantees would forbid.
func (h history) observe(o *record.Observation) {
	found := h.found()
	share := func(f hist.Finding) float64 { return float64(f.Violations) / float64(max(1, f.Examined)) }
	o.Set("rival_stale_reads", share(found.ReadYourWrites))
	o.Set("rival_backward_reads", share(found.MonotonicReads))
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
	checks := append(h.Load, h.converged(), found.MonotonicReads.Check("monotonic-reads"), rival.Checked(h.Version))
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
	return n / 2
}

// converged: both copies hold every deposit that was acknowledged, and none that
// was not asked for.
func (h history) converged() record.Check {
	const name = "converged"
	var n int64
	for i, s := range h.Sessions {
		var acked, sent int64
		for _, x := range s {
			if x == visit.Deposited {
				acked++
			}
			if x < 0 {
				sent++
			}
		}
		for at, balances := range h.Copies {
			n += acked
			if len(balances) != len(h.Sessions) {
				return record.Fail(name, n, "copy %d has %d balances of %d", at, len(balances), len(h.Sessions))
			}
			if got := balances[i]; got < acked || got > sent {
				return record.Fail(name, n, "copy %d: of account %d %d deposits of 1 were acknowledged, %d sent, and the balance is %d", at, i, acked,
					sent, got)
			}
		}
	}
	return record.Pass(name, n)
}
