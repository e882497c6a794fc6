package outbox

import (
	"math/rand/v2"
	"slices"
	"time"

	"dyno/internal/node"
)

// Payment is what a user asks for.
type Payment struct {
	Key      string `json:"key"`
	From     string `json:"from"` // BANK/ACCOUNT; payments from one are sent one after the other
	To       string `json:"to"`
	Minor    int64  `json:"minor"` // amount in minor units
	Currency string `json:"currency"`
}

// State is how far a payment has come.
type State string

// The states.
const (
	Queued State = "queued" // never sent
	Sent   State = "sent"   // it may have happened
	Final  State = "final"  // its end is known; the user is being told
)

// Outcome is how a payment ended.
type Outcome string

// The outcomes.
const (
	Paid      Outcome = "paid"
	Declined  Outcome = "declined"  // by a rule of the business
	Refused   Outcome = "refused"   // it can never succeed as it was asked for, or by whom
	Cancelled Outcome = "cancelled" // it did not and will not happen
	Aborted   Outcome = "aborted"   // the attempt came to nothing, and who asked wants no other; the key may be used again
	Forgotten Outcome = "unknown"   // it may have happened: the gateway could not be asked in time
)

// NoSession is the reason of a payment that was refused for want of a session.
const NoSession = "a login is needed"

// Result is an outcome with what the gateway said of it.
type Result struct {
	Outcome  Outcome `json:"outcome"`
	Payment  string  `json:"payment,omitempty"` // the gateway's name for it
	Reason   string  `json:"reason,omitempty"`
	Replayed bool    `json:"replayed,omitempty"` // it had ended before it was sent for the last time
}

// Input is what happens to a queue.
type Input interface{ input() }

// Enqueue adds a payment. Once gives up when its attempt comes to nothing,
// unless it is kept by then.
type Enqueue struct {
	Payment Payment
	Once    bool
}

// Keep makes a payment that was to be tried once stay until its end.
type Keep struct{ Key string }

// Cancel gives a payment up.
type Cancel struct{ Key string }

// Verdict says what an answer means.
type Verdict uint8

// The verdicts.
const (
	Again  Verdict = iota // it is not known what became of it
	Failed                // the attempt came to nothing: there is no payment, yet
	Login                 // the session is over
	Ended                 // with a result
)

// Answer is what became of an attempt.
type Answer struct {
	Key     string
	Number  uint64 // of the attempt
	Verdict Verdict
	After   time.Duration // try again no sooner
	Result  Result        // of Ended
}

// Online says whether the gateway can be reached.
type Online struct{ Up bool }

// LoggedIn says that there is a new session.
type LoggedIn struct{}

// Told says that the user was told of an end.
type Told struct{ ID uint64 }

func (Enqueue) input()  {}
func (Keep) input()     {}
func (Cancel) input()   {}
func (Answer) input()   {}
func (Online) input()   {}
func (LoggedIn) input() {}
func (Told) input()     {}

// Output is what a queue wants.
type Output interface{ output() }

// Accepted says that a payment is in the queue for good. Kept: until its end.
type Accepted struct {
	Key  string
	Kept bool
}

// Rejected says that a payment is not in the queue, and why.
type Rejected struct{ Key, Reason string }

// Attempt sends a payment. Withdraw asks for its end, and for it to be
// cancelled if it has none.
type Attempt struct {
	Payment  Payment
	Number   uint64
	Withdraw bool
}

// Notice tells the user of an end; it comes again until it is Told.
type Notice struct {
	ID      uint64
	Payment Payment
	Result  Result
}

// LoginNeeded says that nothing is sent until the user has logged in.
type LoginNeeded struct{}

func (Accepted) output()    {}
func (Rejected) output()    {}
func (Attempt) output()     {}
func (Notice) output()      {}
func (LoginNeeded) output() {}

// Config is what a queue is given.
type Config struct {
	Seed   uint64        // of the jitter
	Origin time.Duration // wall clock, since 1970, at moment 0 of this life
	Most   int           // payments in the queue; 0: 1000

	First   time.Duration // the bound of the first wait for another attempt; it doubles; 0: 100 ms
	Longest time.Duration // the bound of any wait; 0: 2 s
	Timeout time.Duration // an attempt without an answer is over; 0: 10 s

	MaxAge  time.Duration // a payment is sent no more; 0: 20 h
	Forgets time.Duration // the gateway may forget the key, counted from when the payment was queued; 0: 24 h

	Mutant Mutant // a flaw, for tests of tests
}

func (c Config) complete() Config {
	set := func(d *time.Duration, to time.Duration) {
		if *d == 0 {
			*d = to
		}
	}
	set(&c.First, 100*time.Millisecond)
	set(&c.Longest, 2*time.Second)
	set(&c.Timeout, 10*time.Second)
	set(&c.MaxAge, 20*time.Hour)
	set(&c.Forgets, 24*time.Hour)
	if c.Most == 0 {
		c.Most = 1000
	}
	return c
}

// Outbox is the queue of one user: a [node.Core].
type Outbox struct {
	config  Config
	jitter  *rand.Rand
	lanes   []*lane           // in the order of their first payment
	entries map[string]*entry // by key
	online  bool
	locked  bool // a login is needed
	ids     uint64
	numbers uint64
}

// lane is the payments from one account.
type lane struct {
	from    string
	waiting []*entry // not final, first in first out
	vain    uint     // attempts since the gateway was last reached: the exponent of the wait
	due     time.Duration
}

type entry struct {
	Payment
	id       uint64
	at       time.Duration // wall clock
	state    State
	once     bool
	before   bool // it had been sent before the attempt under way
	withdrew bool // the user gave it up
	attempts int
	number   uint64        // of the attempt under way; 0: none is
	deadline time.Duration // of it
	result   Result
}

// New makes an empty queue.
func New(c Config) *Outbox {
	return &Outbox{
		config: c.complete(), jitter: rand.New(rand.NewPCG(c.Seed, 0x0b0c5)),
		entries: make(map[string]*entry),
	}
}

// Effects of this core.
type Effects = node.Effects[Output]

// Begin implements [node.Core]: who was to be told is told again.
func (o *Outbox) Begin(now time.Duration) (e Effects) {
	for _, x := range o.finals() {
		e.Send = append(e.Send, x.notice())
	}
	o.pump(now, &e)
	return e
}

// Wake implements [node.Core].
func (o *Outbox) Wake(now time.Duration) (e Effects) {
	o.pump(now, &e)
	return e
}

// Step implements [node.Core].
func (o *Outbox) Step(now time.Duration, in Input) (e Effects) {
	switch in := in.(type) {
	case Enqueue:
		o.enqueue(now, in, &e)
	case Keep:
		if x := o.entries[in.Key]; x != nil && x.state != Final {
			o.keep(x, &e)
		}
	case Cancel:
		o.cancel(now, in.Key, &e)
	case Answer:
		o.answer(now, in, &e)
	case Online:
		o.connect(now, in.Up)
	case LoggedIn:
		o.locked = false
		o.connect(now, o.online)
	case Told:
		o.told(in.ID, &e)
	}
	o.pump(now, &e)
	return e
}

// finals are the payments whose end is known, in the order of their numbers.
func (o *Outbox) finals() (out []*entry) {
	for _, x := range o.entries {
		if x.state == Final {
			out = append(out, x)
		}
	}
	slices.SortFunc(out, func(a, b *entry) int { return int(a.id) - int(b.id) })
	return out
}

func (x *entry) notice() Notice {
	return Notice{ID: x.id, Payment: x.Payment, Result: x.result}
}
