package branch

import (
	"math/bits"
	"time"

	"dyno/internal/replica"
)

// ID names a branch.
type ID = replica.ID

// Kind says what is done to the account.
type Kind uint8

// The kinds. A Give moves rights from its origin to another branch.
const (
	Query Kind = iota + 1
	Deposit
	Withdraw
	Give
)

// Body is what a replicated write does.
type Body struct {
	Kind    Kind
	Amount  int64  // > 0
	To      ID     // of a Give
	Request string // only at the origin: what the customer calls it
}

// Input is something that happens to a branch.
type Input interface{ input() }

// Ask is what a customer wants. Deposits and withdrawals are of 1 or more.
type Ask struct {
	Call     uint64 // its Answers carry it
	Kind     Kind   // Query, Deposit or Withdraw
	Amount   int64
	Request  string // applied once under this name; empty: once per call
	External bool   // a term that no branch's write accounts for
}

// Message goes from one branch to another: one of replication, or about rights.
type Message struct {
	replica.Message[Body]
	Want int64 // > 0: From asks To for rights to so much
	Deny bool  // From has none to give
}

// Reach says that there is a connection to a branch again.
type Reach ID

func (Ask) input()     {}
func (Message) input() {}
func (Reach) input()   {}

// Output is something that a branch does: an [Answer], a [Message], or [Fatal].
type Output interface{ output() }

// Status says what became of an Ask.
type Status uint8

// The statuses. Only of Done something has happened.
const (
	Done     Status = iota + 1
	Declined        // for want of funds, or of rights to them
	Range           // the balance would leave the range of int64
	Clash           // the request id belongs to another operation
	Full            // too much is on its way to branches that do not answer
)

// Answer is the answer to an Ask.
type Answer struct {
	Call    uint64
	Status  Status
	Reason  string // in words, unless Done
	Balance int64  // after it, at this replica
}

// Fatal says that the branch must not go on.
type Fatal struct{ Err error }

func (Answer) output()  {}
func (Message) output() {}
func (Fatal) output()   {}

// Mode is how writes are propagated, and when a customer is answered.
type Mode string

// The modes.
const (
	Sync   Mode = "sync"   // answered when every branch has it
	Async  Mode = "async"  // answered at once, one message per write and branch
	Stream Mode = "stream" // answered at once, what gathers meanwhile in one message
)

// Modes are all of them.
var Modes = []string{string(Sync), string(Async), string(Stream)}

// Funds is who may spend what.
type Funds string

// The rules.
const (
	Optimistic Funds = "optimistic"
	Escrow     Funds = "escrow"
)

// AllFunds are all of them.
var AllFunds = []string{string(Optimistic), string(Escrow)}

// Config says what a branch is. All branches of a group have the same members,
// Balance, Mode and Funds.
type Config struct {
	Self    ID
	Peers   []ID
	Balance int64 // at the beginning, ≥ 0
	Mode    Mode
	Funds   Funds

	Retry    time.Duration // first wait for an answer of another branch; 0: 200 ms
	Gather   time.Duration // under Stream, from one message to a branch to the next
	Patience time.Duration // of a withdrawal that waits for rights; 0: 1 s

	Flaw Flaw // for tests of tests
}

// Flaw is a mutant: something that a branch does wrong. Those of
// [replica.Flaws] are among them.
type Flaw string

// The flaws of a branch itself.
const (
	Sound      Flaw = ""
	Early      Flaw = "early"       // answers before the write is durable
	HastySync  Flaw = "hasty-sync"  // under Sync answers before the others have it
	NoRights   Flaw = "no-rights"   // under Escrow withdraws what the balance covers
	GivesTwice Flaw = "gives-twice" // what it gives remains its own
	Repeats    Flaw = "repeats"     // applies a request again when it is retried
	Forgives   Flaw = "forgives"    // may accept what it has declined, when it is asked again
	Amnesia    Flaw = "amnesia"     // a new life forgets what the last one heard of others
)

// Flaws are all that there are, those of the replica among them.
func Flaws() []Flaw {
	out := []Flaw{Early, HastySync, NoRights, GivesTwice, Repeats, Forgives, Amnesia}
	for _, f := range replica.Flaws {
		out = append(out, Flaw(f))
	}
	return out
}

// wide is a sum of int64 that cannot overflow, in two's complement.
type wide struct {
	hi int64
	lo uint64
}

func (w wide) add(n int64) wide { return w.plus(wide{n >> 63, uint64(n)}) }

func (w wide) plus(v wide) wide {
	lo, carry := bits.Add64(w.lo, v.lo, 0)
	return wide{w.hi + v.hi + int64(carry), lo}
}

func (w wide) minus(v wide) wide {
	lo, borrow := bits.Sub64(w.lo, v.lo, 0)
	return wide{w.hi - v.hi - int64(borrow), lo}
}

func (w wide) negative() bool { return w.hi < 0 }

func (w wide) positive() bool { return w.hi > 0 || w.hi == 0 && w.lo > 0 }

// covers reports whether it is at least n.
func (w wide) covers(n int64) bool { return !w.add(-n).negative() }

// int64 is the sum where it is one.
func (w wide) int64() (n int64, fits bool) {
	n = int64(w.lo)
	return n, w.hi == n>>63
}

// clip is the nearest int64.
func (w wide) clip() int64 {
	n, fits := w.int64()
	switch {
	case fits:
		return n
	case w.negative():
		return -1 << 63
	}
	return 1<<63 - 1
}
