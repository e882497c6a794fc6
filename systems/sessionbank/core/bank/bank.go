// Package bank is the protocol core of one branch: it holds a replica of the
// account, serves customers who move between branches, and propagates their
// writes.
//
// A request brings the token of its session. If the branch has not applied what
// the guarantees demand of it (package token), the request waits, for a bounded
// time, and is then answered that it did not happen. So an answer is never older
// than the guarantees permit, and no withdrawal is refused for want of money that
// its session has deposited.
//
// # Each write once
//
// A write is named by its session and the session's own number for it. A branch
// that knows the name answers again and does nothing. Two branches may accept the
// same one, if a customer had no answer from the first and asked the second: both
// propagate it, and whoever applies both counts one of them, everywhere the same.
// A refusal is remembered at the branch that gave it. One that cannot rule out
// that another branch has accepted the withdrawal is not given.
package bank

import (
	"math/bits"
	"time"

	"dyno/internal/replica"
	"dyno/systems/sessionbank/core/token"
)

// Kind is what a customer asks.
type Kind uint8

// The kinds.
const (
	Query Kind = iota + 1
	Deposit
	Withdraw
)

// op says what a kind does, for what it demands.
func (k Kind) op() token.Op {
	return token.Op{Reads: k != Deposit, Writes: k != Query}
}

// Name names a write.
type Name struct {
	Session string
	Number  uint64 // from 1, in the order in which the session asks
}

// Body is what a write does.
type Body struct {
	Name
	Delta int64 // a withdrawal's is negative
}

type (
	// Write is a write of one branch.
	Write = replica.Write[Body]
	// Message goes between branches.
	Message = replica.Message[Body]
)

// Input is a [Request], a [Message], or a [Reached].
type Input any

// Request is what a customer asks.
type Request struct {
	Call       uint64 // the host's number for it
	Kind       Kind
	Name             // its Number is 0 for a query
	Amount     int64 // of a deposit or withdrawal, ≥ 1
	Elsewhere  bool  // an earlier attempt went to another branch, and its end is not known
	Guarantees token.Guarantees
	Token      token.Token   // the core keeps it
	Wait       time.Duration // how long it may wait, at most
}

// Reached says that a branch can be reached again.
type Reached struct{ Branch replica.ID }

// Output is an [Answer], a [Message], or [Lost].
type Output any

// Lost says that the branch's journal lacks writes that others have seen: it must
// not go on, or new writes would get old numbers.
type Lost struct{ Err error }

// Outcome is what became of a request.
type Outcome uint8

// The outcomes.
const (
	Done    Outcome = iota + 1
	Refused         // there is not enough money
	Lagging         // the branch has not caught up in time; nothing happened
	Unsure          // there is not enough money here, but another branch may have done it
	Busy            // too many wait, or the outbox is full; nothing happened
	Unknown         // the token names writes of a branch that does not exist
	Reused          // the name stands for another write already
	TooMuch         // the balance would not fit into 64 bits; nothing happened
)

// Answer answers a request.
type Answer struct {
	Call    uint64
	Outcome Outcome
	Waited  time.Duration
	Again   bool // it was done before
	Balance int64
	Origin  replica.ID     // of a write that is done: its branch,
	Seq     uint64         // and the branch's number for it
	Seen    replica.Vector // what the branch has applied: behind a balance or a refusal
	Token   token.Token    // the session's, from now on
}

// Entry is a write that a branch has applied, in the order of its log.
type Entry struct {
	Origin replica.ID
	Seq    uint64
	Body
	Twice bool // the name was there already: it counts once
}

// Flaw is a mutant: something that a branch does wrong.
type Flaw string

// The flaws.
const (
	Sound     Flaw = ""
	Impatient Flaw = "impatient" // serves a request that has waited for long enough
	Forgetful Flaw = "forgetful" // leaves a session's writes out of its token
	Blind     Flaw = "blind"     // leaves what a session reads out of its token
	Careless  Flaw = "careless"  // propagates writes without what they follow
	Hasty     Flaw = "hasty"     // looks at the balance before it has caught up
	Double    Flaw = "double"    // does a write as often as it is asked
	Final     Flaw = "final"     // refuses what another branch may have done
)

// Flaws are all that there are.
var Flaws = []Flaw{Impatient, Forgetful, Blind, Careless, Hasty, Double, Final}

// Config says how a branch behaves. Replica.Self and Peers are required.
type Config struct {
	Replica replica.Config
	Balance int64         // at the beginning, the same at all branches
	MaxWait time.Duration // a request's wait is cut to that; 0: 5 s
	Waiting int           // requests that wait at once, at most; 0: 4096
	Flaw    Flaw          // for tests of tests
}

// money is a sum of 128 bits: however many amounts of 64 bits are added in
// whatever order, only the result must fit.
type money struct {
	hi int64
	lo uint64
}

func (m money) plus(n int64) money {
	lo, carry := bits.Add64(m.lo, uint64(n), 0)
	hi, _ := bits.Add64(uint64(m.hi), uint64(n>>63), carry)
	return money{int64(hi), lo}
}

// fit is the sum as an amount; ok is false if it is beyond 64 bits.
func (m money) fit() (n int64, ok bool) { return int64(m.lo), m.hi == int64(m.lo)>>63 }

func (m money) negative() bool { return m.hi < 0 }
