package replica

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Config says how a replica behaves. Self and Peers are required.
type Config struct {
	Self  ID
	Peers []ID // the others

	Batch    int           // writes in one message, at most; 0: 1
	Messages int           // unanswered messages to a peer, at most, so that further writes gather meanwhile; 0: no bound
	Gather   time.Duration // from one message to a peer to the next, so that writes gather meanwhile; 0: none
	Window   int           // unanswered writes to a peer, and those that wait at a receiver for one origin, at most; 0: 1024
	Outbox   int           // writes of its own that not every peer has, at most; 0: 1 << 20
	Retry    time.Duration // the first wait for an answer; it doubles; 0: 50 ms
	RetryMax time.Duration // the longest wait; 0: 10 × Retry

	Flaw Flaw // for tests of tests
}

// Flaw is a mutant: something that a replica does wrong.
type Flaw string

// The flaws.
const (
	Sound       Flaw = ""
	Twice       Flaw = "twice"        // applies what it has again
	SkipsGaps   Flaw = "skips-gaps"   // takes any later number for the next
	IgnoresDeps Flaw = "ignores-deps" // applies before what a write depends on
	LosesOutbox Flaw = "loses-outbox" // a new life sends nothing of earlier ones
	AcksUnheard Flaw = "acks-unheard" // acknowledges what waits for one before it
)

// Flaws are all that there are.
var Flaws = []Flaw{Twice, SkipsGaps, IgnoresDeps, LosesOutbox, AcksUnheard}

// ErrFull says that the outbox holds as much as it may: peers have been away for
// too long.
var ErrFull = errors.New("the outbox is full: a replica has not acknowledged for too long")

// ForgottenError says that a peer has more of this replica's writes than it has
// itself: its journal was lost, and going on would give new writes old numbers.
type ForgottenError struct {
	Self, Peer ID
	Has, Last  uint64
}

func (e *ForgottenError) Error() string {
	return fmt.Sprintf("replica %d has %d writes of its own, replica %d has seen %d of them: start it with the journal that it had, "+
		"or the whole group afresh", e.Self, e.Last, e.Peer, e.Has)
}

// Stats count what a replica met.
type Stats struct {
	Waited uint64 // writes that came before one that they follow
	Resent uint64 // writes sent again
}

// Replica replicates writes. It belongs to one core.
type Replica[B any] struct {
	cfg     Config
	members []ID // all, sorted
	peers   []*peer
	byID    map[ID]*peer
	has     Vector
	own     []Write[B] // the outbox: those from base + 1 on
	base    uint64
	waiting map[ID]map[uint64]Write[B]
	answers []Message[B]
	revived bool
	hurry   bool
	stats   Stats
}

// New makes a replica without any write. IDs that occur twice are a bug of the
// caller.
func New[B any](cfg Config) *Replica[B] {
	cfg.Batch, cfg.Window = orElse(cfg.Batch, 1), orElse(cfg.Window, 1024)
	cfg.Outbox, cfg.Retry = orElse(cfg.Outbox, 1<<20), orElse(cfg.Retry, 50*time.Millisecond)
	cfg.RetryMax = orElse(cfg.RetryMax, 10*cfg.Retry)
	r := &Replica[B]{cfg: cfg, byID: make(map[ID]*peer), has: make(Vector), waiting: make(map[ID]map[uint64]Write[B])}
	r.members = append(slices.Clone(cfg.Peers), cfg.Self)
	slices.Sort(r.members)
	for _, id := range r.members {
		if id != cfg.Self {
			p := &peer{id: id, wait: cfg.Retry, room: cfg.Window}
			r.peers, r.byID[id] = append(r.peers, p), p
		}
	}
	if len(r.byID) != len(cfg.Peers) {
		panic(fmt.Sprintf("replica: %d and its peers %v are not different from each other", cfg.Self, cfg.Peers))
	}
	return r
}

func orElse[T int | time.Duration](value, otherwise T) T {
	if value == 0 {
		return otherwise
	}
	return value
}

// Members are the replica itself and its peers, sorted.
func (r *Replica[B]) Members() []ID { return r.members }

// Vector is what the replica has applied. It must not be changed.
func (r *Replica[B]) Vector() Vector { return r.has }

// Last is the number of the replica's latest own write.
func (r *Replica[B]) Last() uint64 { return r.has[r.cfg.Self] }

// Everywhere is the number of the last own write that every peer has durably.
func (r *Replica[B]) Everywhere() uint64 {
	least := r.Last()
	for _, p := range r.peers {
		least = min(least, p.acked)
	}
	return least
}

// Acked says how many of the replica's own writes a peer has durably.
func (r *Replica[B]) Acked(peer ID) uint64 {
	if p := r.byID[peer]; p != nil {
		return p.acked
	}
	return 0
}

// Stats returns what was counted in this life.
func (r *Replica[B]) Stats() Stats { return r.stats }

// Recover takes in a write that an earlier life applied.
func (r *Replica[B]) Recover(w Write[B]) error {
	if w.Origin != r.cfg.Self && r.byID[w.Origin] == nil {
		return fmt.Errorf("a write of replica %d, which is none of %v", w.Origin, r.members)
	}
	if next := r.has[w.Origin] + 1; w.Seq != next && r.cfg.Flaw == Sound {
		return fmt.Errorf("write %d of replica %d, want number %d", w.Seq, w.Origin, next)
	}
	r.revived = true
	r.take(w)
	if r.cfg.Flaw == LosesOutbox {
		r.Settle(r.Last())
	}
	return nil
}

// Settle says that every peer has the replica's own writes up to a number: they
// leave the outbox. A core that writes [Replica.Everywhere] down now and then
// gives it back here.
func (r *Replica[B]) Settle(through uint64) {
	for _, p := range r.peers {
		p.acked = max(p.acked, min(through, r.Last()))
		p.sent = max(p.sent, p.acked)
	}
	r.compact()
}

// take applies a write, which is the next of its origin.
func (r *Replica[B]) take(w Write[B]) {
	r.has[w.Origin] = w.Seq
	if w.Origin == r.cfg.Self {
		r.own = append(r.own, w)
	}
}

// compact drops what everybody has from the outbox.
func (r *Replica[B]) compact() {
	all := r.Everywhere()
	if all <= r.base {
		return
	}
	r.own = r.own[all-r.base:] // not cleared: messages under way hold parts of it
	r.base = all
}

// Local makes the next write of this replica's own. It is applied from now on.
func (r *Replica[B]) Local(body B, deps Vector) (Write[B], error) {
	if len(r.own) >= r.cfg.Outbox {
		return Write[B]{}, ErrFull
	}
	w := Write[B]{Origin: r.cfg.Self, Seq: r.Last() + 1, Deps: deps, Body: body}
	r.take(w)
	return w, nil
}

// Hurry has the next Outgoing send all there is, without gathering any longer.
func (r *Replica[B]) Hurry() { r.hurry = true }

// Begin says that a life begins: after a recovery the peers are asked what they
// have.
func (r *Replica[B]) Begin(now time.Duration) {
	if r.revived && r.cfg.Flaw != LosesOutbox {
		for _, p := range r.peers {
			p.ask(now)
		}
	}
}

// Known reports whether an ID is a peer's.
func (r *Replica[B]) Known(id ID) bool { return r.byID[id] != nil }

// Outbox are the replica's own writes that some peer may not have, in order. It
// must not be changed.
func (r *Replica[B]) Outbox() []Write[B] { return r.own }

// Restore puts a replica that is new where another life was: with what it had
// applied, and its outbox.
func (r *Replica[B]) Restore(has Vector, outbox []Write[B]) error {
	r.has = make(Vector, len(has))
	r.has.Merge(has)
	r.own, r.revived = outbox, len(has) > 0
	r.base = r.Last() - min(uint64(len(outbox)), r.Last())
	for i, w := range outbox {
		if w.Origin != r.cfg.Self || w.Seq != r.base+uint64(i)+1 {
			return fmt.Errorf("an outbox of %d writes up to %d has write %d of replica %d at place %d", len(outbox), r.Last(), w.Seq, w.Origin, i)
		}
	}
	r.Settle(r.base)
	return nil
}

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
