// Package check says what a correct history of payments is. It judges the
// journals of a gateway and its banks, and what clients saw, wherever they come
// from: files, a trial, or the simulator.
//
// Each invariant is a check of its own, by the number that it has everywhere:
//
//	I1  conservation     what the accounts have and what is in transit is what they had
//	I2  no double apply  no transaction is carried out twice at a bank
//	I3  atomicity        a transaction is carried out at all its banks or at none, as the gateway decided
//	I4  durability       what a client saw as paid is paid
//	I5  finality         what was declined or cancelled is never paid
//	I6  solvency         0 <= held <= posted, at every moment
//	I7  liveness         when all is quiet, nothing is in doubt, held or unanswered
//	I8  one key          is paid at most once, and all answers to it are the same
//	I9  replay           is deterministic, and adds up to the balances that there are
//	I10 fresh reads      a balance shows every payment that was acknowledged before it was asked for
//	I11 order            promised, then decided, then carried out; no epoch or transaction twice
package check

import (
	"math"
	"time"

	"dyno/systems/strife/core/coordinator"
	"dyno/systems/strife/core/participant"
	"dyno/systems/strife/core/tx"
)

// Evidence is all that is known of a deployment.
type Evidence struct {
	Gateway []Decision // in the order of its journal
	Banks   []Bank
	Calls   []Call // in any order
	// Quiet says that nothing was going on any more, and that nothing was broken.
	Quiet bool
	// Partial says that a journal begins with a snapshot, so that events from before
	// it are missing.
	Partial bool
	// States are digests of every journal after two independent replays: equal in
	// pairs.
	States [][2][]byte
}

// Decision is an event of the gateway's journal.
type Decision struct {
	coordinator.Event
	At time.Duration // when it was written, on one clock for all; 0: not known
}

// Bank is what is known of a bank.
type Bank struct {
	Name     string
	Base     []participant.Balance // of a snapshot at the begin of the journal
	Promised []participant.Doubt   // in that snapshot
	Events   []BankEvent           // in the order of the journal
	Accounts []participant.Balance // at its end, as the bank has them
	Doubts   []participant.Doubt
}

// BankEvent is an event of a bank's journal.
type BankEvent struct {
	participant.Event
	At time.Duration // when it was written, on one clock for all; 0: not known
}

// Call is something that a client asked for.
type Call struct {
	Kind      CallKind
	User, Key string
	Payment   tx.Payment
	Account   tx.Account // of a balance
	Begin     time.Duration
	End       time.Duration       // [Never]: there was no answer
	Receipt   coordinator.Receipt // the answer, of all but a balance
	Replayed  bool
	Posted    int64 // of a balance
}

// CallKind says what a client asked for.
type CallKind uint8

// The kinds of calls.
const (
	CallPay CallKind = iota + 1
	CallCancel
	CallLookup
	CallBalance
)

// Never is the end of a call that was not answered.
const Never time.Duration = math.MaxInt64
