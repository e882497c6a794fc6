package check

import (
	"fmt"
	"slices"
	"strings"

	"dyno/bench/history"
	"dyno/bench/story"
	"dyno/internal/record"
	"dyno/internal/shrink"
	"dyno/systems/sessionbank/core/bank"
)

// Story tells of the smallest part of the history that breaks a guarantee; if none
// is broken, of the first branch that held a wrong balance in the end.
func (h *History) Story() story.Story {
	for _, g := range Each(h.Sessions()) {
		if h.Guarantees&g.Is != 0 && g.Finding.Violations > 0 {
			return h.broken(g)
		}
	}
	var told history.Told
	sessions := make(map[string]int32)
	for i, o := range h.Ops {
		if o.Kind == bank.Query {
			continue
		}
		if _, known := sessions[o.Session]; !known {
			sessions[o.Session] = int32(len(sessions))
		}
		b := history.BankOp{Client: sessions[o.Session], Seq: int32(i), Begin: o.Begin, End: o.End, Outcome: o.Outcome}
		b.Input = history.BankInput{Kind: kinds[o.Kind], Amount: o.Amount, Request: fmt.Sprint(o.name())}
		told.Ops = append(told.Ops, b)
	}
	told.Server = func(o history.BankOp) string { return asked(&h.Ops[o.Seq]) }
	for _, b := range h.Branches {
		told.Replicas = append(told.Replicas, history.Replica{Name: "branch " + branchName(b.ID), Balances: map[string]int64{"": b.Balance}})
	}
	told.Name = func(o history.BankOp) string { return "session " + h.Ops[o.Seq].Session }
	return story.Bank(history.Bank{Initial: map[string]int64{"": h.Initial}, Overdraft: true}, told)
}

var kinds = map[bank.Kind]history.BankKind{bank.Query: history.Query, bank.Deposit: history.Deposit, bank.Withdraw: history.Withdraw}

// broken tells of a broken guarantee: of all operations those stay without which
// it would hold.
func (h *History) broken(g Guarantee) story.Story {
	of := func(ops []Op) history.Finding {
		small := *h
		small.Ops = ops
		for _, again := range Each(small.Sessions()) {
			if again.Is == g.Is {
				return again.Finding
			}
		}
		return history.Finding{}
	}
	ops := shrink.List(h.Ops, func(ops []Op) bool { return of(ops).Violations > 0 })
	ops = slices.Clone(ops)
	slices.SortStableFunc(ops, func(a, b Op) int { return int(min(max(a.Begin-b.Begin, -1), 1)) })
	s := story.Story{Title: g.Name + " is broken"}
	var did []string
	for _, o := range ops {
		s.Steps = append(s.Steps, story.Step{
			Who: "session " + o.Session, At: asked(&o), Begin: o.Begin, End: o.End, Text: text(&o), Outcome: o.Outcome,
		})
		did = append(did, fmt.Sprintf("%s at %s", text(&o), asked(&o)))
	}
	last := len(s.Steps) - 1
	s.Steps[last].Broken = true
	s.Words = []string{
		fmt.Sprintf("session %s: %s; the last does not follow from what was before it", ops[last].Session, strings.Join(did, ", then ")),
		of(ops).First,
	}
	return s
}

// at1 is who was asked.
func asked(o *Op) string {
	if o.At == 0 {
		return "a branch"
	}
	return "branch " + branchName(o.At)
}

func text(o *Op) string {
	switch {
	case o.Kind == bank.Query && o.Outcome == record.OK:
		return fmt.Sprintf("query → %d", o.Balance)
	case o.Kind == bank.Query:
		return "query → " + o.Outcome.String()
	}
	return fmt.Sprintf("%s %d → %s", kinds[o.Kind], o.Amount, o.Outcome)
}
