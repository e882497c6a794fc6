package check_test

import (
	"testing"

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
	h := blind()
	alone(h)
	if got := caught(h); len(got) > 0 {
		t.Errorf("a right history of one branch is caught by %v", got)
	}
}
