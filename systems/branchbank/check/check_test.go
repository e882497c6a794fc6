package check_test

import (
	"testing"

	"dyno/bench/history"
	"dyno/internal/record"
	"dyno/systems/branchbank/check"
	"dyno/systems/branchbank/core/branch"
)

// right is a deposit of 5 at branch 1 and a withdrawal of 3 at branch 2, and a
// query after both.
func right() *check.History {
	op := func(seq int32, begin int64, kind history.BankKind, amount int64, request string, balance int64) history.BankOp {
		return history.BankOp{
			Seq: seq, Begin: begin, End: begin + 5, Outcome: record.OK,
			Input:  history.BankInput{Kind: kind, Amount: amount, Request: request},
			Output: history.BankOutput{Balance: balance, Shown: true, Order: history.NoOrder},
		}
	}
	one, two := check.Applied{Origin: 1, Seq: 1, Amount: 5, Request: "a"}, check.Applied{Origin: 2, Seq: 1, Amount: -3, Request: "b"}
	give := check.Applied{Origin: 1, Seq: 2}
	foreign := func(a check.Applied) check.Applied { a.Request = ""; return a }
	return &check.History{
		Mode: branch.Sync, Funds: branch.Escrow, Initial: 10,
		Ops: []history.BankOp{
			op(0, 0, history.Deposit, 5, "a", 15), op(1, 10, history.Withdraw, 3, "b", 12), op(2, 20, history.Query, 0, "", 12),
		},
		Branches: []check.Branch{
			{ID: 1, Balance: 12, Digest: 7, Log: []check.Applied{one, give, foreign(two)}, Rights: map[int32]int64{1: 8, 2: 4}},
			{ID: 2, Balance: 12, Digest: 7, Log: []check.Applied{foreign(one), foreign(give), two}, Rights: map[int32]int64{1: 8, 2: 4}},
		},
	}
}

func caught(h *check.History) map[string]bool {
	out := map[string]bool{}
	for _, c := range h.Judge() {
		if c.Status != record.Valid {
			out[c.Name] = true
		}
	}
	return out
}

func TestChecks(t *testing.T) {
	if got := caught(right()); len(got) > 0 {
		t.Fatalf("a right history is caught by %v", got)
	}
	for _, m := range []struct {
		wrong, check string
		mutate       func(h *check.History)
	}{
		{"a balance that is another", "conserved", func(h *check.History) { h.Branches[1].Balance++ }},
		{"applied twice", "once", func(h *check.History) { b := &h.Branches[0]; b.Log = append(b.Log, b.Log[2]) }},
		{"refused, and applied", "once", func(h *check.History) { h.Ops[1].Outcome = record.Refused }},
		{"lost", "durable", func(h *check.History) { b := &h.Branches[1]; b.Log = b.Log[1:] }},
		{"another set", "agree", func(h *check.History) { b := &h.Branches[0]; b.Log = b.Log[:2] }},
		{"another state", "digests", func(h *check.History) { h.Branches[1].Digest = 8 }},
		{"a number left out", "logs", func(h *check.History) { h.Branches[0].Log[1].Seq = 3 }},
		{"out of order", "logs", func(h *check.History) { l := h.Branches[0].Log; l[0], l[1] = l[1], l[0] }},
		{"a sum that is another", "logs", func(h *check.History) { h.Branches[0].Log[0].Amount = 6 }},
		{"nobody's write", "journals", func(h *check.History) { h.Branches[1].Log[0].Seq = 9 }},
		{"an old balance", "regular", func(h *check.History) { h.Ops[2].Output.Balance = 15 }},
		{"less than nothing, shown", "solvent", func(h *check.History) { h.Ops[2].Output.Balance = -1 }},
		{"less than nothing, held", "solvent", func(h *check.History) { h.Branches[1].Negative = 1 }},
		{"rights out of nothing", "solvent", func(h *check.History) { h.Branches[0].Rights[1] = 9 }},
		{"rights below nothing", "solvent", func(h *check.History) { h.Branches[0].Rights = map[int32]int64{1: 13, 2: -1} }},
		{"a fault that did not come", "faults", func(h *check.History) { h.Missed = []string{"kill"} }},
	} {
		h := right()
		m.mutate(h)
		if got := caught(h); !got[m.check] {
			t.Errorf("%s: caught by %v, want %s", m.wrong, got, m.check)
		}
	}
}

func TestOverdrawnAndWithdrawals(t *testing.T) {
	h := right()
	h.Ops[1].Output.Balance, h.Branches[0].Negative = -3, 2
	if n := h.Overdrawn(); n != 3 {
		t.Errorf("seen below 0 %d times, want 3", n)
	}
	h = right()
	h.Ops[1].Outcome = record.Refused
	if w := h.Withdrawals(); w != (check.Withdrawals{Asked: 1, Declined: 1, Covered: 1}) {
		t.Errorf("declined although there were 15: %+v", w)
	}
	h.Ops[1].Input.Amount = 16
	if w := h.Withdrawals(); w.Covered != 0 {
		t.Errorf("declined since there were only 15: %+v", w)
	}
	h.Ops[1].Input.Amount, h.Ops[0].End = 12, 12 // the deposit was not acknowledged yet
	if w := h.Withdrawals(); w.Covered != 0 {
		t.Errorf("declined when there may have been only 10: %+v", w)
	}
}
