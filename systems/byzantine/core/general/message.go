package general

import (
	"fmt"
	"iter"
	"math/bits"
)

// Message is one value on its way. Path holds the ids of those who passed it
// on, a byte each: first the commander, last the sender.
type Message struct {
	Path  string
	Value Value
	Seals []byte // signed messages: a signature of 64 bytes for each id of the path
}

// Parcel is a message with all who are to get it. Loyal generals tell everybody
// the same, so that one parcel often serves many.
type Parcel struct {
	Message
	To Set
}

// Delivery is a message as it arrives. From is not what the message says but
// what the transport proved.
type Delivery struct {
	From int
	Message
}

// Reason says why a message was dropped.
type Reason uint8

// The reasons, in the order in which they are looked for.
const (
	WrongLength Reason = iota // the path is not as long as the round demands
	WrongSender               // the path does not end in the authenticated sender
	WrongPath                 // an id that does not exist or is repeated, the receiver's own, or another commander
	WrongValue                // neither attack nor retreat
	BadSeal                   // a signature is missing or does not verify
	Duplicate                 // the same path said something already
	reasons
)

// Reasons is the number of reasons.
const Reasons = int(reasons)

// String says what was wrong with the message.
func (r Reason) String() string {
	names := [...]string{
		"path of the wrong length for the round", "path that does not end in its sender", "impossible path",
		"impossible value", "bad signature", "repeated message",
	}
	if int(r) < len(names) {
		return names[r]
	}
	return fmt.Sprintf("reason %d", uint8(r))
}

// Drops counts dropped messages by reason.
type Drops [Reasons]int64

// Sum returns the number of messages dropped for any reason.
func (d Drops) Sum() int64 {
	var n int64
	for _, c := range d {
		n += c
	}
	return n
}

// Add adds e to d.
func (d *Drops) Add(e Drops) {
	for i, c := range e {
		d[i] += c
	}
}

// Members returns the generals on a path; ok is false when one is repeated or
// not among n.
func Members(path string, n int) (s Set, ok bool) {
	for i := range len(path) {
		id := int(path[i])
		if id >= n || s.Has(id) {
			return s, false
		}
		s |= 1 << id
	}
	return s, true
}

// screen finds what is wrong with a message's path and value, if anything.
// Every protocol demands this much of a message of a round in which paths have
// the given length; length 0 is a round that does not exist.
func (c Config) screen(length int, d Delivery) (Reason, bool) {
	if len(d.Path) != length || length == 0 {
		return WrongLength, false
	}
	if int(d.Path[length-1]) != d.From {
		return WrongSender, false
	}
	on, ok := Members(d.Path, c.N)
	if !ok || on.Has(c.Me) {
		return WrongPath, false
	}
	if d.Value > Attack {
		return WrongValue, false
	}
	return 0, true
}

// MaxGenerals is how many generals there can be: one bit each in a [Set].
const MaxGenerals = 64

// Value is an order, or what somebody says that it is.
type Value uint8

// The orders. Retreat is also what silence and a tie mean.
const (
	Retreat Value = iota
	Attack
)

// String returns "attack" or "retreat".
func (v Value) String() string {
	if v == Attack {
		return "attack"
	}
	return "retreat"
}

// Not returns the other order.
func (v Value) Not() Value { return v ^ 1 }

// ParseValue reads attack or retreat, or the first letter of one.
func ParseValue(text string) (Value, error) {
	switch text {
	case "attack", "a":
		return Attack, nil
	case "retreat", "r":
		return Retreat, nil
	}
	return Retreat, fmt.Errorf("%q is neither attack (a) nor retreat (r)", text)
}

// Set is a set of generals, one bit per id.
type Set uint64

// Only returns the set of the given generals.
func Only(ids ...int) Set {
	var s Set
	for _, id := range ids {
		s |= 1 << id
	}
	return s
}

// First returns the set of generals 0 to n−1.
func First(n int) Set {
	if n >= MaxGenerals {
		return ^Set(0)
	}
	return 1<<n - 1
}

// Has reports whether a general is in the set.
func (s Set) Has(id int) bool { return s>>id&1 == 1 }

// Len returns the number of generals in the set.
func (s Set) Len() int { return bits.OnesCount64(uint64(s)) }

// All yields the members in order.
func (s Set) All() iter.Seq[int] {
	return func(yield func(int) bool) {
		for ; s != 0; s &= s - 1 {
			if !yield(bits.TrailingZeros64(uint64(s))) {
				return
			}
		}
	}
}

// At returns the value that a word with one bit per general holds for one.
func (s Set) At(id int) Value { return Value(s >> id & 1) }

// Spread returns a word that holds the value for everybody.
func (v Value) Spread() Set { return -Set(v) }
