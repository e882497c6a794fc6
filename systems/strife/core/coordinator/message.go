package coordinator

import (
	"dyno/systems/strife/core/tx"
)

// In is what happens to a coordinator: [Pay], [Cancel], [Lookup], [List] and
// [Balance] from users, [tx.Vote], [tx.Ack] and [tx.Inquire] from banks, and
// [BankUp], [BankDown] and [DiskLow] from the shell. Requests are numbers of the
// shell's choice, which come back in the answers.
type In any

// Out is what a coordinator wants: [ToBank], [Reply] or [Listing].
type Out any

// Pay claims a key and pays. It is answered by exactly one [Reply] if the
// coordinator lives, also if the payment was made before, or is being made.
type Pay struct {
	Request   uint64
	User, Key string // the key is the user's own: another user's is another key
	Payment   tx.Payment
}

// Cancel makes sure that a key is never paid from now on, and is answered by a
// [Reply]: cancelled, or how it had ended before.
type Cancel struct {
	Request   uint64
	User, Key string
}

// Lookup asks how a key stands, and is answered by a [Reply].
type Lookup struct {
	Request   uint64
	User, Key string
}

// List asks for a user's finished payments, and is answered by a [Listing].
type List struct {
	Request uint64
	User    string
	Most    int
}

// Balance asks for an account's balance. It becomes a [tx.Balance] to the bank,
// which names what the answer must reflect; the bank's answer is the shell's to
// pass on. Nothing is said to a bank that is down: the shell knows.
type Balance struct {
	Request uint64
	Account tx.Account
}

// BankUp says that a bank is connected: what it has not heard is sent again.
type BankUp struct{ Bank string }

// BankDown says that a bank is not connected any more. Payments that wait for
// its vote are aborted, and new ones are not begun.
type BankDown struct{ Bank string }

// DiskLow says whether the disk is nearly full: nothing new is begun then, while
// what is under way has room to end.
type DiskLow struct{ Low bool }

// ToBank is a message for a bank: a [tx.Prepare], [tx.Decide] or [tx.Balance].
type ToBank struct {
	Bank    string
	Message any
}

// Reply answers a [Pay], [Cancel] or [Lookup].
type Reply struct {
	Request  uint64
	Receipt  Receipt
	Replayed bool // by what is stored, or by an attempt that another request began
}

// Listing answers a [List], the newest first.
type Listing struct {
	Request  uint64
	Receipts []Receipt
}

// Receipt says how a payment stands. A final one is stored, and every answer to
// its key is the same, to the byte.
type Receipt struct {
	Key     string
	Status  Status
	Reason  tx.Reason  // of what is not paid
	Tx      tx.ID      // the attempt; zero if there was none
	Payment tx.Payment // zero if the key was cancelled before anything was heard of it
}

// Status is how a payment stands.
type Status uint8

// The statuses.
const (
	Pending     Status = iota // under way: ask again
	Paid                      // final
	Declined                  // final: a bank's business says no
	Cancelled                 // final: it never will be paid
	Aborted                   // nothing happened; the same key may be tried again
	Unavailable               // the same, and it could not be tried at all
	Exhausted                 // the same: too much is under way or remembered
	Invalid                   // nothing happened, and it cannot be done as it was asked for
	Unknown                   // nothing was heard of the key, or it is forgotten
)

var statuses = [...]string{"pending", "paid", "declined", "cancelled", "aborted", "unavailable", "exhausted", "invalid", "unknown"}

// String returns the status's name.
func (s Status) String() string {
	if int(s) >= len(statuses) {
		return "unknown status"
	}
	return statuses[s]
}

// Final reports whether the status is stored and never changes.
func (s Status) Final() bool { return s == Paid || s == Declined || s == Cancelled }
