package branch

import (
	"fmt"
	"slices"
	"time"

	"dyno/internal/replica"
)

// shares are the rights at the beginning: equal parts, what remains to those
// with the lowest ids.
func shares(balance int64, members []ID) map[ID]wide {
	n := int64(len(members))
	out := make(map[ID]wide, n)
	for i, id := range members {
		part := balance / n
		if int64(i) < balance%n {
			part++
		}
		out[id] = wide{}.add(part)
	}
	return out
}

// escrow is what a branch has under way to come by rights.
type escrow struct {
	short []shortage
	asked map[ID]time.Duration // peers that have not answered, and until when one waits for that
	nays  map[ID]bool          // peers that had none to give, since the first shortage
	deps  replica.Vector       // gifts to this branch since its last own write
}

// shortage is a withdrawal that waits for rights.
type shortage struct {
	amount  int64
	request string
	calls   []uint64
	until   time.Duration
}

func (e *escrow) init() {
	e.asked, e.nays = make(map[ID]time.Duration), make(map[ID]bool)
}

// given notes rights that came: the peer has answered.
func (e *escrow) given(w replica.Write[Body]) {
	if e.deps == nil {
		e.deps = make(replica.Vector)
	}
	e.deps[w.Origin] = w.Seq
	delete(e.asked, w.Origin)
}

func (e *escrow) denied(peer ID) {
	if len(e.short) > 0 {
		e.nays[peer] = true
	}
	delete(e.asked, peer)
}

// join has a retry wait with the attempt before it.
func (e *escrow) join(a Ask) bool {
	for i := range e.short {
		if s := &e.short[i]; s.request == a.Request && a.Kind == Withdraw && s.amount == a.Amount {
			s.calls = append(s.calls, a.Call)
			return true
		}
	}
	return false
}

// wake is when the first wait ends.
func (e *escrow) wake() (at time.Duration) {
	for _, s := range e.short {
		if at == 0 || s.until < at {
			at = s.until
		}
	}
	for _, until := range e.asked {
		if at == 0 || until < at {
			at = until
		}
	}
	return at
}

// withdrawRights withdraws what this branch has rights to, if need be after others
// have given it some.
func (b *Branch) withdrawRights(a Ask) {
	mine := b.rights[b.cfg.Self]
	switch {
	case b.cfg.Flaw == NoRights && b.balance.covers(a.Amount), mine.covers(a.Amount):
		b.counts.Local++
		b.pay(a.Amount, a.Request, a.Call)
	case !b.balance.covers(a.Amount):
		b.decline(a.Amount, a.Request, fmt.Sprintf("the balance of %d does not cover %d", b.balance.clip(), a.Amount), a.Call)
	default:
		b.escrow.short = append(b.escrow.short, shortage{a.Amount, a.Request, []uint64{a.Call}, b.now + b.cfg.Patience})
	}
}

// pursue serves withdrawals that wait, asks for the rights that they lack, and
// gives those up that cannot have them.
func (b *Branch) pursue() {
	e := &b.escrow
	if len(e.short) == 0 {
		return
	}
	for peer, until := range e.asked {
		if until <= b.now {
			delete(e.asked, peer) // the question or its answer was lost
		}
	}
	var lack wide
	e.short = slices.DeleteFunc(e.short, func(s shortage) bool {
		switch {
		case b.rights[b.cfg.Self].covers(s.amount):
			b.pay(s.amount, s.request, s.calls...)
		case s.until <= b.now:
			b.decline(s.amount, s.request, "the rights to it are with branches that do not answer", s.calls...)
		default:
			lack = lack.add(s.amount)
			return false
		}
		return true
	})
	if len(e.short) > 0 && !b.seek(lack.minus(b.rights[b.cfg.Self])) {
		for _, s := range e.short {
			b.decline(s.amount, s.request, "no branch has rights to spare", s.calls...)
		}
		e.short = nil
	}
	if len(e.short) == 0 {
		clear(e.nays)
		clear(e.asked)
	}
}

// seek asks those for rights who seem to have most, until what they have covers
// the lack. It reports whether anything may still come.
func (b *Branch) seek(lack wide) bool {
	e := &b.escrow
	rich := slices.DeleteFunc(slices.Clone(b.rep.Members()), func(id ID) bool {
		_, asked := e.asked[id]
		return id == b.cfg.Self || asked || e.nays[id] || !b.rights[id].positive()
	})
	for id := range e.asked {
		lack = lack.minus(b.rights[id])
	}
	slices.SortStableFunc(rich, func(x, y ID) int {
		switch d := b.rights[y].minus(b.rights[x]); {
		case d.negative():
			return -1
		case d.positive():
			return 1
		}
		return 0
	})
	for _, id := range rich {
		if !lack.positive() {
			break
		}
		want := lack.clip()
		lack = lack.minus(b.rights[id])
		e.asked[id] = b.now + b.cfg.Patience/8
		b.counts.Asked++
		m := Message{Want: want}
		m.From, m.To = b.cfg.Self, id
		b.send(m)
	}
	return len(e.asked) > 0
}

// give gives a branch rights: what it wants or half of what is there, whichever is
// more, as far as there is any.
func (b *Branch) give(to ID, want int64) {
	mine := b.rights[b.cfg.Self]
	if !mine.positive() {
		b.deny(to)
		return
	}
	spare := mine.clip()
	if _, err := b.local(Body{Kind: Give, To: to, Amount: min(spare, max(want, spare/2))}); err != nil {
		b.deny(to)
		return
	}
	b.counts.Given++
	b.rep.Hurry() // somebody waits for it
}

func (b *Branch) deny(to ID) {
	m := Message{Deny: true}
	m.From, m.To = b.cfg.Self, to
	b.send(m)
}
