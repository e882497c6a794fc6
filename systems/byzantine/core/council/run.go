package council

import (
	"crypto/ed25519"
	"encoding/binary"
	"slices"

	"dyno/systems/byzantine/core/general"
)

// Plan is a run to be played.
type Plan struct {
	Algorithm   general.Algorithm
	N, T        int
	Commander   int
	Interactive bool
	Order       general.Value   // the commander's
	Initial     []general.Value // interactive: everybody's own order
	Traitors    general.Set
	Traitor     general.Traitor // how all of them behave
	Flat        bool            // om by the flat majority, which is wrong
	Seed        uint64          // keys come from it

	// New replaces the algorithm's own constructor: mutants.
	New func(general.Config) general.Protocol

	// Watch, unless nil, sees every parcel when it is sent.
	Watch func(round, from int, p general.Parcel)
}

// Result is what came of a run.
type Result struct {
	Decisions []general.Decision // by general, those of traitors mean nothing
	Messages  []int64            // values carried and accepted, by round
	Physical  int64              // batches: one per sender, receiver and round
	Drops     general.Drops
}

// Config is what one general is told.
func (p Plan) Config(me int) general.Config {
	c := general.Config{N: p.N, T: p.T, Me: me, Commander: p.Commander, Interactive: p.Interactive, Order: p.Order, Flat: p.Flat}
	if p.Interactive {
		c.Order = p.Initial[me]
	}
	return c
}

// Loyal is the set of loyal generals.
func (p Plan) Loyal() general.Set { return general.First(p.N) &^ p.Traitors }

// Keys are everybody's keys for signed messages, made from a seed.
func Keys(seed uint64, n int) []general.Keys {
	keys := make([]general.Keys, n)
	public := make([]ed25519.PublicKey, n)
	for id := range keys {
		s := binary.BigEndian.AppendUint64(make([]byte, 0, ed25519.SeedSize), seed)
		s = binary.BigEndian.AppendUint64(s, uint64(id))
		private := ed25519.NewKeyFromSeed(s[:ed25519.SeedSize])
		public[id] = private.Public().(ed25519.PublicKey)
		keys[id] = general.Keys{Run: seed, Public: public, Private: private}
	}
	return keys
}

// cast makes the generals, loyal and otherwise.
func (p Plan) cast() []general.Protocol {
	create := p.New
	if create == nil {
		create = p.Algorithm.New
	}
	var keys []general.Keys
	if p.Algorithm.Signs {
		keys = Keys(p.Seed, p.N)
	}
	generals := make([]general.Protocol, p.N)
	for id := range generals {
		c := p.Config(id)
		if keys != nil {
			c.Keys = keys[id]
		}
		generals[id] = create(c)
		if p.Traitors.Has(id) {
			generals[id] = general.Betray(p.Algorithm.New(c), p.Algorithm, c, p.Traitors, p.Traitor)
		}
	}
	return generals
}

// Run plays a run to its end.
func Run(p Plan) Result {
	generals := p.cast()
	var r Result
	inboxes := make([][]general.Delivery, p.N)
	for round := 0; round <= p.Algorithm.Rounds(p.T); round++ {
		var next [][]general.Delivery
		if round < p.Algorithm.Rounds(p.T) {
			next = make([][]general.Delivery, p.N)
		}
		for id, g := range generals {
			out := g.Step(round, inboxes[id])
			inboxes[id] = nil
			if next == nil {
				continue
			}
			r.Physical += p.batches(round+1, id, g)
			p.deliver(round+1, id, out, next)
		}
		inboxes = next
	}
	for _, g := range generals {
		r.Decisions = append(r.Decisions, g.Decide())
		r.Add(g.Tally())
	}
	return r
}

// deliver puts a general's parcels into the inboxes of their receivers.
func (p Plan) deliver(round, from int, out []general.Parcel, inboxes [][]general.Delivery) {
	for _, parcel := range out {
		if p.Watch != nil {
			p.Watch(round, from, parcel)
		}
		for to := range parcel.To.All() {
			inboxes[to] = append(inboxes[to], general.Delivery{From: from, Message: parcel.Message})
		}
	}
}

// batches is how many batches a general sends in a round.
func (p Plan) batches(round, from int, g general.Protocol) int64 {
	senders, receivers := p.Algorithm.Talk(p.Config(from), round)
	if !senders.Has(from) {
		return 0
	}
	return int64((receivers &^ general.Only(from) &^ general.Mute(g)).Len())
}

// Add adds what one general received.
func (r *Result) Add(t general.Tally) {
	for len(r.Messages) < len(t.Accepted) {
		r.Messages = append(r.Messages, 0)
	}
	for i, n := range t.Accepted {
		r.Messages[i] += n
	}
	r.Drops.Add(t.Drops)
}

// Verdict is what a run is held against.
type Verdict struct {
	Agreement bool          // IC1: all loyal generals decide the same
	Validity  bool          // IC2: and, of a loyal commander, what he ordered
	Decision  general.Value // what they agreed on; means nothing without agreement
}

// Guaranteed reports whether the plan's algorithm promises both for so many
// traitors.
func (p Plan) Guaranteed() bool {
	return !p.Flat && p.Traitors.Len() <= p.T && p.Algorithm.Guarantees(p.N, p.T)
}

// Judge looks at the decisions of the loyal generals. Those who did not tell
// theirs (a process that was killed) are to be counted among the traitors.
func (p Plan) Judge(decisions []general.Decision) Verdict {
	v := Verdict{Agreement: true, Validity: true}
	first := -1
	for id := range p.Loyal().All() {
		d := decisions[id]
		if first < 0 {
			first, v.Decision = id, d.Value
		}
		if d.Value != v.Decision || !slices.Equal(d.Vector, decisions[first].Vector) {
			v.Agreement = false
		}
		v.Validity = v.Validity && p.valid(d)
	}
	return v
}

// valid holds a decision against the orders of loyal commanders.
func (p Plan) valid(d general.Decision) bool {
	if !p.Interactive {
		return p.Traitors.Has(p.Commander) || d.Value == p.Order
	}
	if len(d.Vector) != p.N {
		return false
	}
	for id := range p.Loyal().All() {
		if d.Vector[id] != p.Initial[id] {
			return false
		}
	}
	return true
}
