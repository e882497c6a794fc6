package trial

import (
	"testing"

	"dyno/internal/record"
	"dyno/systems/strife/check"
	"dyno/systems/strife/core/coordinator"
	"dyno/systems/strife/core/money"
	"dyno/systems/strife/core/tx"
)

// answered is what users were told: of three payments from a to b one was paid,
// one declined, and of one nothing was heard; and what they have in the end.
func answered() *history {
	a, b := tx.Account{Bank: "alpha", Name: "a"}, tx.Account{Bank: "beta", Name: "b"}
	pay := func(key string, amount int64, at int, s coordinator.Status) check.Call {
		p := tx.Payment{From: a, To: b, Amount: money.Amount{Minor: amount}}
		c := check.Call{Kind: check.CallPay, User: "u", Key: key, Payment: p, Begin: 10, End: check.Never}
		if at > 0 {
			c.Receipt, c.End = coordinator.Receipt{Key: key, Status: s, Payment: p}, 20
		}
		return c
	}
	h := &history{Settled: true, Balances: map[string]int64{a.String(): opening - 5, b.String(): opening + 5}}
	h.Evidence.Calls = []check.Call{
		pay("1", 5, 1, coordinator.Paid), pay("2", 7, 1, coordinator.Declined), pay("3", 11, 0, 0),
		{Kind: check.CallBalance, User: "u", Account: a, Begin: 30, End: 40, Posted: opening - 5},
	}
	return h
}

// What happens at one bank only, twice, or not at all is found without a journal;
// what nobody was told of may have happened, at both.
func TestJudgeAnswers(t *testing.T) {
	a, b := "alpha/a", "beta/b"
	for name, c := range map[string]struct {
		change func(*history)
		broken string // the check that finds it; empty: all is well
	}{
		"right":                           {func(*history) {}, ""},
		"the silent one happened":         {func(h *history) { h.Balances[a], h.Balances[b] = opening-16, opening+16 }, ""},
		"the silent one at one bank":      {func(h *history) { h.Balances[a] = opening - 16 }, "I1 conservation"},
		"the paid one is lost":            {func(h *history) { h.Balances[a], h.Balances[b] = opening, opening }, "I3 atomicity"},
		"the paid one happened twice":     {func(h *history) { h.Balances[a], h.Balances[b] = opening-10, opening+10 }, "I3 atomicity"},
		"the declined one happened":       {func(h *history) { h.Balances[a], h.Balances[b] = opening-12, opening+12 }, "I3 atomicity"},
		"a stale balance":                 {func(h *history) { h.Evidence.Calls[3].Posted = opening }, "I10 fresh reads"},
		"two answers under one key":       {func(h *history) { h.Evidence.Calls[1].Key, h.Evidence.Calls[1].Receipt.Key = "1", "1" }, "I8 one key"},
		"an answer about another payment": {func(h *history) { h.Evidence.Calls[0].Receipt.Payment.Amount.Minor++ }, "I8 one key"},
	} {
		h := answered()
		c.change(h)
		found := ""
		for _, k := range h.judge().Checks {
			if k.Status != record.Valid && (found == "" || k.Name == c.broken) {
				found = k.Name
			}
		}
		if found != c.broken {
			t.Errorf("%s: found by %q, want %q: %v", name, found, c.broken, h.judge().Reasons())
		}
	}
}
