package check_test

import (
	"fmt"
	"testing"

	"dyno/bench/history"
	"dyno/internal/record"
	"dyno/systems/branchbank/check"
	"dyno/systems/branchbank/core/branch"
)

// Of branches of another program only balances are known. Each way to be wrong is
// found by the check that is about it.
func TestBlind(t *testing.T) {
	blind := func() *check.History {
		h := right()
		h.Blind, h.Funds = true, branch.Optimistic
		for i := range h.Branches {
			h.Branches[i] = check.Branch{ID: h.Branches[i].ID, Balance: h.Branches[i].Balance}
		}
		return h
	}
	alone := func(h *check.History) { h.Branches = h.Branches[:1] }
	if got := caught(blind()); len(got) > 0 {
		t.Fatalf("a right history is caught by %v", got)
	}
	for name, c := range map[string]struct {
		change func(*check.History)
		by     string
	}{
		"a branch lost a deposit":     {func(h *check.History) { h.Branches[1].Balance -= 5 }, "agree"},
		"all lost a deposit":          {func(h *check.History) { h.Branches[0].Balance, h.Branches[1].Balance = 7, 7 }, "conserved"},
		"a withdrawal happened twice": {func(h *check.History) { h.Branches[0].Balance, h.Branches[1].Balance = 9, 9 }, "conserved"},
		"a stale read":                {func(h *check.History) { h.Ops[2].Output.Balance = 15 }, "regular"},
		"alone, a wrong answer": {func(h *check.History) {
			alone(h)
			h.Ops[1].Output.Balance = 10
		}, "linearizable"},
		"alone, paid what it had not": {func(h *check.History) {
			alone(h)
			h.Ops[1].Input.Amount, h.Ops[1].Output.Balance, h.Ops[2].Output.Balance, h.Branches[0].Balance = 20, -5, -5, -5
		}, "linearizable"},
		"a fault that did not come": {func(h *check.History) { h.Missed = []string{"kill b2@1s"} }, "faults"},
	} {
		h := blind()
		c.change(h)
		if got := caught(h); !got[c.by] {
			t.Errorf("%s: caught by %v, want %s", name, got, c.by)
		}
	}
	for _, wrong := range []int64{0, 1} { // of more operations than can be held against an order of all
		h := blind()
		alone(h)
		h.Ops = nil
		for i := range int64(9_000) {
			o := history.BankOp{Begin: 10 * i, End: 10*i + 5, Outcome: record.OK, Input: history.BankInput{Kind: history.Deposit, Amount: 1, Request: fmt.Sprint(i)}}
			o.Output = history.BankOutput{Balance: h.Initial + i + 1, Shown: true, Order: history.NoOrder}
			h.Ops = append(h.Ops, o)
		}
		h.Branches[0].Balance = h.Initial + 9_000
		h.Ops[3_000].Output.Balance += wrong
		if got := caught(h); got["linearizable"] != (wrong > 0) || len(got) > 1 {
			t.Errorf("%d wrong answers of 9,000: caught by %v", wrong, got)
		}
		late := &h.Ops[8_000] // beyond those that are held against an order
		late.Input = history.BankInput{Kind: history.Query}
		late.Output.Balance = h.Initial + 8_000 + wrong
		for i := range h.Ops[8_001:] {
			h.Ops[8_001+i].Output.Balance--
		}
		h.Branches[0].Balance--
		if got := caught(h); got["regular"] != (wrong > 0) || got["linearizable"] != (wrong > 0) {
			t.Errorf("%d wrong answers late in 9,000: caught by %v", wrong, got)
		}
	}
	h := blind()
	alone(h)
	if got := caught(h); len(got) > 0 {
		t.Errorf("a right history of one branch is caught by %v", got)
	}
}
