package replica

import "encoding/binary"

// Write is one write of one origin. B is what it does; a Write must not change
// once it is made.
type Write[B any] struct {
	Origin ID
	Seq    uint64 // from 1, without gaps
	Deps   Vector // applied after all of this; nil: after the origin's own writes before it only
	Body   B
}

// Append encodes a write for a journal; body encodes what it does.
func (w Write[B]) Append(b []byte, body func([]byte, B) []byte) []byte {
	b = binary.AppendVarint(b, int64(w.Origin))
	b = binary.AppendUvarint(b, w.Seq)
	b = w.Deps.Append(b)
	return body(b, w.Body)
}

// ParseWrite decodes what [Write.Append] has made; body decodes the rest.
func ParseWrite[B any](b []byte, body func([]byte) (B, error)) (w Write[B], err error) {
	p := parser{rest: b}
	w.Origin, w.Seq = ID(p.varint()), p.uvarint()
	if p.failed {
		return w, errShort
	}
	if w.Deps, b, err = ParseVector(p.rest); err != nil {
		return w, err
	}
	w.Body, err = body(b)
	return w, err
}

// Kind says what a message is for.
type Kind uint8

// The kinds of message.
const (
	Push  Kind = iota + 1 // writes of the sender, in order without gaps
	Ack                   // the answer: how many of the receiver's writes the sender has
	Ask                   // the sender's vector, and a wish for the receiver's
	Offer                 // the answer: the sender's vector
)

// Message goes from one replica to another. It may be lost, doubled and delayed.
// It must not change once it is sent.
type Message[B any] struct {
	Kind     Kind
	From, To ID
	Writes   []Write[B] // of a Push
	Has      uint64     // of an Ack: all of To's writes up to this, durably; of an Offer: those that are there or wait
	Vector   Vector     // of an Ask or Offer

	// Call is for the transport: an answer carries that of the message which it
	// answers, so that a unary call can tell its answer from others.
	Call uint64
}
