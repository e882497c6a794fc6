package check_test

import (
	"strings"
	"testing"
	"time"

	"dyno/internal/record"
	"dyno/systems/strife/check"
	"dyno/systems/strife/core/coordinator"
	"dyno/systems/strife/core/money"
	"dyno/systems/strife/core/participant"
	"dyno/systems/strife/core/tx"
)

var eur = money.Currency([]byte("EUR"))

func id(n uint64) tx.ID { return tx.ID{Gateway: 1, Epoch: 1, Number: n} }

func pay(minor int64) tx.Payment {
	return tx.Payment{From: tx.Account{Bank: "a", Name: "x"}, To: tx.Account{Bank: "b", Name: "y"}, Amount: money.Amount{Minor: minor, Currency: eur}}
}

func receipt(key string, s coordinator.Status, n uint64, minor int64) coordinator.Receipt {
	r := coordinator.Receipt{Key: key, Status: s, Tx: id(n), Payment: pay(minor)}
	if s == coordinator.Declined {
		r.Reason = tx.Funds
	}
	return r
}

// evidence is a history without a fault: two payments and one that was declined,
// and a read between them.
func evidence() check.Evidence {
	paid1, paid2, declined := receipt("k1", coordinator.Paid, 1, 30), receipt("k2", coordinator.Paid, 2, 20), receipt("k3", coordinator.Declined, 3, 90)
	bank := func(name, account, other string, sign int64, posted int64) check.Bank {
		leg := func(minor int64) []tx.Leg {
			return []tx.Leg{{Account: account, Delta: sign * minor, Currency: eur, Other: other}}
		}
		open := participant.Balance{Account: account, Found: true, Currency: eur, Opening: 100, Posted: 100}
		end := open
		end.Posted = posted
		return check.Bank{Name: name, Accounts: []participant.Balance{end}, Events: []check.BankEvent{
			{Event: participant.Event{Kind: participant.AccountOpened, Account: open}, At: 1},
			{Event: participant.Event{Kind: participant.LegsPrepared, Tx: id(1), Legs: leg(30)}, At: 10},
			{Event: participant.Event{Kind: participant.TxCommitted, Tx: id(1), Commit: true, Legs: leg(30)}, At: 30},
			{Event: participant.Event{Kind: participant.LegsPrepared, Tx: id(2), Legs: leg(20)}, At: 50},
			{Event: participant.Event{Kind: participant.TxCommitted, Tx: id(2), Commit: true, Legs: leg(20)}, At: 70},
		}}
	}
	return check.Evidence{
		Quiet: true, States: [][2][]byte{{{1}, {1}}},
		Gateway: []check.Decision{
			{Event: coordinator.Event{Epoch: 1}, At: 1},
			{Event: coordinator.Event{User: "u", Receipt: paid1}, At: 20},
			{Event: coordinator.Event{User: "u", Receipt: paid2}, At: 60},
			{Event: coordinator.Event{User: "u", Receipt: declined}, At: 80},
			{Event: coordinator.Event{Ended: []tx.ID{id(1), id(2)}}, At: 90},
		},
		Banks: []check.Bank{bank("a", "x", "b/y", -1, 50), bank("b", "y", "a/x", 1, 150)},
		Calls: []check.Call{
			{Kind: check.CallPay, User: "u", Key: "k1", Payment: pay(30), Begin: 5, End: 25, Receipt: paid1},
			{Kind: check.CallPay, User: "u", Key: "k1", Payment: pay(30), Begin: 26, End: 28, Receipt: paid1, Replayed: true},
			{Kind: check.CallBalance, User: "u", Account: tx.Account{Bank: "a", Name: "x"}, Begin: 40, End: 45, Posted: 70},
			{Kind: check.CallPay, User: "u", Key: "k2", Payment: pay(20), Begin: 48, End: 65, Receipt: paid2},
			{Kind: check.CallPay, User: "u", Key: "k3", Payment: pay(90), Begin: 75, End: 85, Receipt: declined},
			{Kind: check.CallPay, User: "u", Key: "k4", Payment: pay(1), Begin: 86, End: check.Never},
		},
	}
}

// A history without a fault passes every check, and none of them is idle.
func TestValid(t *testing.T) {
	checks := check.Checks(evidence())
	if v := record.Judge(checks...); v.Status != record.Valid || len(checks) != 11 {
		t.Errorf("%d checks: %v", len(checks), v.Reasons())
	}
}

// A gateway that has forgotten old receipts, and says so, is right.
func TestForgotten(t *testing.T) {
	e := evidence()
	e.Gateway, e.Calls, e.Partial = append(e.Gateway[:1:1], e.Gateway[2:]...), nil, true
	if v := check.Judge(e); v.Status != record.Valid {
		t.Error(v.Reasons())
	}
	e.Partial = false
	if v := check.Judge(e); v.Status != record.Invalid {
		t.Error("a lost receipt is taken for a forgotten one")
	}
}

// Behind a snapshot, what was read before it is not judged, and what was read
// later is.
func TestReadsAndSnapshots(t *testing.T) {
	for name, c := range map[string]struct {
		begin  time.Duration
		posted int64
		want   record.Status
	}{
		"before":      {2, 100, record.Valid},
		"behind":      {68, 50, record.Valid},
		"stale there": {68, 70, record.Invalid},
	} {
		e := evidence()
		e.Partial = true
		for i := range e.Banks { // a snapshot holds the first payment
			b := &e.Banks[i]
			b.Base = []participant.Balance{b.Accounts[0]}
			b.Base[0].Posted = []int64{70, 130}[i]
			b.Events = b.Events[3:]
		}
		e.Calls[2].Begin, e.Calls[2].End, e.Calls[2].Posted = c.begin, c.begin+1, c.posted
		if v := check.Judge(e); v.Status != c.want {
			t.Errorf("%s: %v", name, v.Reasons())
		}
	}
}

// Every check finds what it is for.
func TestFalsified(t *testing.T) {
	for name, f := range map[string]struct {
		check   string
		falsify func(e *check.Evidence)
	}{
		"money is gone":        {"I1 ", func(e *check.Evidence) { e.Banks[1].Accounts[0].Posted-- }},
		"money is made":        {"I1 ", func(e *check.Evidence) { e.Banks[1].Accounts[0].Posted += 20 }},
		"a commit twice":       {"I2 ", func(e *check.Evidence) { e.Banks[1].Events = append(e.Banks[1].Events, e.Banks[1].Events[4]) }},
		"a promise twice":      {"I2 ", func(e *check.Evidence) { e.Banks[0].Events = append(e.Banks[0].Events, e.Banks[0].Events[3]) }},
		"one bank only":        {"I3 ", func(e *check.Evidence) { e.Banks[0].Events = e.Banks[0].Events[:3] }},
		"without the gateway":  {"I3 ", func(e *check.Evidence) { e.Gateway = append(e.Gateway[:2], e.Gateway[3:]...) }},
		"another amount":       {"I3 ", func(e *check.Evidence) { e.Banks[0].Events[3].Legs[0].Delta = -21 }},
		"another account":      {"I3 ", func(e *check.Evidence) { e.Banks[1].Events[3].Legs[0].Other = "a/z" }},
		"no journal of a bank": {"I3 ", func(e *check.Evidence) { e.Banks = e.Banks[:1] }},
		"a lost receipt":       {"I4 ", func(e *check.Evidence) { e.Gateway = append(e.Gateway[:1], e.Gateway[2:]...) }},
		"a lost decline":       {"I4 ", func(e *check.Evidence) { e.Gateway = e.Gateway[:3] }},
		"a lost promise":       {"I4 ", func(e *check.Evidence) { e.Banks[1].Events = e.Banks[1].Events[:3] }},
		"paid after a decline": {"I5 ", func(e *check.Evidence) {
			e.Gateway[3].Key = "k1"
			e.Gateway[1], e.Gateway[3] = e.Gateway[3], e.Gateway[1]
		}},
		"told that it was declined":  {"I5 ", func(e *check.Evidence) { e.Calls[0].Receipt.Status = coordinator.Declined }},
		"more is held than there is": {"I6 ", func(e *check.Evidence) { e.Banks[0].Events[1].Legs[0].Delta = -101 }},
		"an overdrawn account":       {"I6 ", func(e *check.Evidence) { e.Banks[0].Accounts[0].Posted = -1 }},
		"a promise after a refusal": {"I6 ", func(e *check.Evidence) {
			e.Banks[0].Events[2].Kind, e.Banks[0].Events[2].Tx = participant.TxRefused, id(2)
		}},
		"a hold that stays":             {"I7 ", func(e *check.Evidence) { e.Banks[0].Accounts[0].Held = 1 }},
		"a doubt that stays":            {"I7 ", func(e *check.Evidence) { e.Banks[0].Doubts = []participant.Doubt{{Tx: id(9)}} }},
		"two outcomes of a key":         {"I8 ", func(e *check.Evidence) { e.Gateway[2].Key = "k1" }},
		"another answer":                {"I8 ", func(e *check.Evidence) { e.Calls[1].Receipt.Tx.Number = 7 }},
		"the answer to another payment": {"I8 ", func(e *check.Evidence) { e.Calls[1].Payment.Amount.Minor = 31 }},
		"another user's answer":         {"I8 ", func(e *check.Evidence) { e.Calls[1].Receipt.Key = "k2" }},
		"a replay that differs":         {"I9 ", func(e *check.Evidence) { e.States[0][1] = []byte{2} }},
		"a balance of its own":          {"I9 ", func(e *check.Evidence) { e.Banks[0].Accounts[0].Posted, e.Banks[1].Accounts[0].Posted = 51, 149 }},
		"an account is gone":            {"I9 ", func(e *check.Evidence) { e.Banks[0].Accounts = nil }},
		"a stale read":                  {"I10", func(e *check.Evidence) { e.Calls[2].Posted = 100 }},
		"a read of the future":          {"I10", func(e *check.Evidence) { e.Calls[2].Posted = 50 }},
		"a read of nothing":             {"I10", func(e *check.Evidence) { e.Calls[2].Posted = 71 }},
		"reads that go backwards": {"I10", func(e *check.Evidence) {
			e.Calls[2].Begin, e.Calls[2].End, e.Calls[2].Posted = 66, 67, 50
			back := e.Calls[2]
			back.Begin, back.End, back.Posted = 68, 69, 70
			e.Calls = append(e.Calls, back)
			e.Calls[3].End = check.Never
		}},
		"decided before it was promised":     {"I11", func(e *check.Evidence) { e.Banks[0].Events[1].At = 21 }},
		"carried out before it was decided":  {"I11", func(e *check.Evidence) { e.Banks[0].Events[2].At = 19 }},
		"a transaction with two outcomes":    {"I11", func(e *check.Evidence) { e.Gateway[3].Tx = id(2) }},
		"an epoch that does not grow":        {"I11", func(e *check.Evidence) { e.Gateway[4] = e.Gateway[0] }},
		"a transaction of an epoch long ago": {"I11", func(e *check.Evidence) { e.Gateway[0].Epoch = 2 }},
	} {
		t.Run(name, func(t *testing.T) {
			e := evidence()
			f.falsify(&e)
			for _, c := range check.Checks(e) {
				if strings.HasPrefix(c.Name, f.check) && c.Status == record.Invalid {
					return
				}
			}
			t.Errorf("%s finds nothing", f.check)
		})
	}
}
