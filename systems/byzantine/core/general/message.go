package general

import "fmt"

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
