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
