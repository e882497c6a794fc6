package trial

import (
	"slices"

	"dyno/systems/strife/check"
	"dyno/systems/strife/core/coordinator"
	"dyno/systems/strife/core/participant"
)

// The forgeries: each makes a true history into one of a fault that a gateway or
// a bank might have.
const (
	forgeNone   = "none"
	forgeLost   = "lost-commit"    // a payment that a user saw as paid is in no journal of the gateway
	forgeHalf   = "half-commit"    // one bank has carried out what another has not
	forgeTwice  = "double-apply"   // a bank carries out a payment twice
	forgeMoney  = "made-money"     // an account has one cent more than its postings
	forgeAnswer = "second-outcome" // the same key is answered by two transactions
	forgeEarly  = "decline-paid"   // a user was told of a decline, and the payment is paid
)

var forgeries = []string{forgeNone, forgeLost, forgeHalf, forgeTwice, forgeMoney, forgeAnswer, forgeEarly}

// forge falsifies what will be judged.
func (h *history) forge(kind string) {
	e := &h.Evidence
	paid := slices.IndexFunc(e.Calls, func(c check.Call) bool {
		return c.Kind == check.CallPay && c.End != check.Never && c.Receipt.Status == coordinator.Paid
	})
	if kind == forgeNone || paid < 0 {
		return
	}
	call := &e.Calls[paid]
	id := call.Receipt.Tx
	bank := &e.Banks[0]
	ends := slices.IndexFunc(bank.Events, func(b check.BankEvent) bool { return b.Kind == participant.TxCommitted })
	switch {
	case kind == forgeLost:
		e.Gateway = slices.DeleteFunc(e.Gateway, func(d check.Decision) bool { return d.Tx == id })
	case kind == forgeHalf && ends >= 0:
		bank.Events[ends].Kind, bank.Events[ends].Commit = participant.TxAborted, false
	case kind == forgeTwice && ends >= 0:
		bank.Events = append(bank.Events, bank.Events[ends])
	case kind == forgeMoney:
		bank.Accounts[0].Posted++
	case kind == forgeAnswer:
		again := *call
		again.Receipt.Tx.Number += 1 << 40
		e.Calls = append(e.Calls, again)
	case kind == forgeEarly:
		again := *call
		again.Receipt.Status = coordinator.Declined
		e.Calls = append(e.Calls, again)
	}
}
