// Package tx holds what the coordinator and the participants of a payment say
// to each other, and the names of what they talk about.
//
// # Names
//
// A transaction is one attempt at a payment. Its [ID] is made of the gateway's
// number, of its boot epoch, which it increments durably each time it starts, and
// of a counter, so that no ID is used twice, whatever a gateway forgets. Hence an
// answer about an earlier attempt can never be taken for one about a later, and
// a gateway that finds no commit record for an ID of an earlier epoch knows that
// it was aborted.
//
// # Messages
//
//	gateway -> bank   Prepare, Decide, Balance
//	bank -> gateway   Vote, Ack, Inquire
//	bank -> bank      Ask, Told
//
// Any of them may be lost, doubled, delayed or overtaken.
package tx

import (
	"cmp"
	"encoding/binary"
	"strconv"
	"time"

	"dyno/systems/strife/core/money"
)

// ID names an attempt at a payment. The zero ID is none.
type ID struct {
	Gateway uint32
	Epoch   uint32 // the life of the gateway that began it, from 1
	Number  uint64 // within the epoch, from 1
}

// Compare orders the attempts of one gateway as they began.
func (id ID) Compare(o ID) int {
	return cmp.Or(cmp.Compare(id.Gateway, o.Gateway), cmp.Compare(id.Epoch, o.Epoch), cmp.Compare(id.Number, o.Number))
}

// Below reports whether an attempt began before one of the same gateway.
func (id ID) Below(mark ID) bool { return id.Gateway == mark.Gateway && id.Compare(mark) < 0 }

// String returns gateway.epoch.number.
func (id ID) String() string {
	b := strconv.AppendUint(make([]byte, 0, 24), uint64(id.Gateway), 10)
	b = strconv.AppendUint(append(b, '.'), uint64(id.Epoch), 10)
	return string(strconv.AppendUint(append(b, '.'), id.Number, 10))
}

// Append adds the ID in binary: three varints.
func (id ID) Append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(id.Gateway))
	b = binary.AppendUvarint(b, uint64(id.Epoch))
	return binary.AppendUvarint(b, id.Number)
}

// Account names an account of a bank.
type Account struct{ Bank, Name string }

// String returns bank/name.
func (a Account) String() string { return a.Bank + "/" + a.Name }

// Payment is what a customer wants done.
type Payment struct {
	From, To Account
	Amount   money.Amount // above 0
}

// Leg is what a transaction does to one account.
type Leg struct {
	Account  string
	Delta    int64 // minor units; below 0 is taken from the account
	Currency money.Currency
	Other    string // the other side, as bank/name: for statements
}

// Prepare asks a bank whether it can and will carry out its legs, and to answer
// by a [Vote].
type Prepare struct {
	Tx    ID
	Legs  []Leg    // of this bank: one, or both
	Peers []string // the other banks that take part
	Low   ID       // every attempt of this gateway below it that concerns the bank is over
}

// Decide tells a bank the outcome, of itself or as the answer to an [Inquire].
// A commit is acknowledged, an abort is not.
type Decide struct {
	Tx     ID
	Commit bool
	Low    ID // as in Prepare
}

// Balance asks a bank for an account's balance. What After names is committed,
// and must show: it is as good as a [Decide].
type Balance struct {
	Request uint64
	Account string
	After   []ID
}

// Vote is a bank's answer to a [Prepare]. A yes is a promise that binds until
// the outcome is known.
type Vote struct {
	Bank   string
	Tx     ID
	Yes    bool
	Reason Reason // of a no
}

// Ack says that a commit is carried out durably.
type Ack struct {
	Bank string
	Tx   ID
	// Damage: the bank has aborted it before, as an operator had decided.
	Damage bool
}

// Inquire asks the gateway for the outcome; it is answered by a [Decide], or
// not at all while there is none.
type Inquire struct {
	Bank string
	Tx   ID
}

// Ask asks another participant what it knows of the outcome.
type Ask struct {
	From string
	Tx   ID
}

// Told is the answer to an [Ask].
type Told struct {
	From  string
	Tx    ID
	State State
}

// State is what a bank knows of a transaction.
type State uint8

// The states.
const (
	None      State = iota // never heard of, or over and forgotten
	Committed              // carried out, or about to be
	Aborted                // never will be: aborted, or refused for good
	Prepared               // promised, and the outcome is unknown: in doubt
)

// String returns the state's name.
func (s State) String() string {
	return [...]string{"none", "committed", "aborted", "prepared"}[min(s, Prepared)]
}

// Reason says why something is not done.
type Reason uint8

// The reasons. Those of a bank's business are final: a payment that met one is
// declined, and stays so. Those of a system pass: the same payment may be tried
// again.
const (
	NoReason        Reason = iota
	Funds                  // the account has not enough that is free
	NoAccount              // the bank has no such account
	WrongCurrency          // the account is in another currency
	Limit                  // the receiver would have more than it may
	_                      // the account is closed: none ever was
	Full                   // a system's: the disk of a bank or of the gateway is full
	Busy                   // a system's: as much is under way as may be
	Stale                  // a system's: the attempt is already over
	Timeout                // a bank did not answer in time
	Unreachable            // a bank is not connected
	BadAmount              // not above 0, or above the cap
	SameAccount            // from and to are one account
	UnknownBank            // the gateway knows no such bank
	OtherPayment           // the key stands for another payment
	BadLegs                // a bank is asked for what cannot be: a fault of the gateway
	BadName                // a user, key or account is empty or too long
	BadAccount             // the number of the account that is to be paid is empty or too long
	numberOfReasons        // not one
)

var reasons = [numberOfReasons]string{
	"", "insufficient funds", "no such account", "the account is in another currency", "the account would go over its limit",
	"", "the disk is full", "too much is under way", "the attempt is over", "a bank did not answer in time",
	"a bank cannot be reached", "the amount must be above 0 and within the cap", "the two accounts are the same", "no such bank",
	"the key was used for another payment", "the legs of the transaction make no sense", "a name is empty or too long",
	"the number of the account is empty or too long",
}

// Business reports whether the reason is final.
func (r Reason) Business() bool { return r >= Funds && r <= Limit }

// String says it in words.
func (r Reason) String() string {
	if r >= numberOfReasons {
		return "unknown reason"
	}
	return reasons[r]
}

// Agenda is a heap of moments at which something is due for a transaction. An
// entry is never removed: who takes it out looks whether it still counts. The
// zero value is ready.
type Agenda struct{ heap []due }

type due struct {
	at time.Duration
	id ID
}

func (d due) before(o due) bool { return d.at < o.at || d.at == o.at && d.id.Compare(o.id) < 0 }

// Add notes that something is due.
func (a *Agenda) Add(at time.Duration, id ID) {
	a.heap = append(a.heap, due{at, id})
	h := a.heap
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if !h[i].before(h[parent]) {
			return
		}
		h[i], h[parent] = h[parent], h[i]
		i = parent
	}
}

// First returns what is due first.
func (a *Agenda) First() (at time.Duration, id ID, ok bool) {
	if len(a.heap) == 0 {
		return 0, ID{}, false
	}
	return a.heap[0].at, a.heap[0].id, true
}

// Pop removes what is due first.
func (a *Agenda) Pop() {
	h := a.heap
	last := len(h) - 1
	h[0] = h[last]
	a.heap = h[:last]
	h = a.heap
	for i := 0; ; {
		least := i
		for _, child := range [2]int{2*i + 1, 2*i + 2} {
			if child < len(h) && h[child].before(h[least]) {
				least = child
			}
		}
		if least == i {
			return
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
}
