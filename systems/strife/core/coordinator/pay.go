package coordinator

import (
	"time"

	"dyno/systems/strife/core/tx"
)

// Bounds of what is stored, in bytes.
const (
	maxKey  = 128
	maxName = 64
)

// malformed says why a payment cannot be.
func (c *Coordinator) malformed(in Pay) tx.Reason {
	p := in.Payment
	switch {
	case !fits(in.Key, maxKey) || !fits(in.User, maxName) || !fits(p.From.Name, maxName):
		return tx.BadName
	case !fits(p.To.Name, maxName):
		return tx.BadAccount
	case p.Amount.Minor <= 0 || p.Amount.Minor > c.config.Cap || !p.Amount.Currency.Known():
		return tx.BadAmount
	case p.From == p.To:
		return tx.SameAccount
	case !c.serves(p.From.Bank) || !c.serves(p.To.Bank):
		return tx.UnknownBank
	}
	return tx.NoReason
}

func fits(text string, most int) bool { return text != "" && len(text) <= most }

// pay claims a key.
func (c *Coordinator) pay(now time.Duration, in Pay, e *Effects) {
	refuse := func(s Status, r tx.Reason) {
		e.Early = append(e.Early, Reply{Request: in.Request, Receipt: Receipt{Key: in.Key, Status: s, Reason: r, Payment: in.Payment}})
	}
	if r := c.malformed(in); r != tx.NoReason {
		refuse(Invalid, r)
		return
	}
	by := scoped{in.User, in.Key}
	if done, ok := c.find(now, by); ok {
		if done.Payment != in.Payment && done.Payment != (tx.Payment{}) {
			refuse(Invalid, tx.OtherPayment)
			return
		}
		e.Send = append(e.Send, Reply{in.Request, done, true})
		return
	}
	if a := c.keys[by]; a != nil {
		switch {
		case a.payment != in.Payment:
			refuse(Invalid, tx.OtherPayment)
		case len(a.requests) >= c.config.MaxWaiters:
			refuse(Aborted, tx.Busy)
		default:
			a.requests = append(a.requests, in.Request)
		}
		return
	}
	switch {
	case c.diskLow:
		refuse(Unavailable, tx.Full)
	case len(c.open) >= c.config.MaxInFlight || c.table.full(c.config.MaxReceipts):
		refuse(Exhausted, tx.Busy)
	case c.bank(in.Payment.From.Bank).down || c.bank(in.Payment.To.Bank).down:
		refuse(Unavailable, tx.Unreachable)
	default:
		c.begin(now, by, in, e)
	}
}

// begin begins an attempt. Nothing is written: without a commit record it was
// aborted.
func (c *Coordinator) begin(now time.Duration, by scoped, in Pay, e *Effects) {
	c.number++
	a := c.newAttempt()
	a.id = tx.ID{Gateway: c.config.Gateway, Epoch: c.epoch, Number: c.number}
	a.by, a.payment = by, in.Payment
	a.requests = append(a.requests, in.Request)
	a.join()
	c.open[a.id], c.keys[by] = a, a
	c.due(a, now+c.config.Prepare)
	legs := legsOf(in.Payment)
	e.Early = make([]Out, 0, len(a.party))
	for i, p := range a.party[:a.parties] {
		b := c.bank(p.bank)
		c.enqueue(b, a.id)
		m := tx.Prepare{Tx: a.id, Low: c.low(b), Legs: legs}
		if a.parties == 2 {
			m.Legs, m.Peers = legs[i:i+1:i+1], c.bank(a.party[1-i].bank).peers
		}
		e.Early = append(e.Early, ToBank{p.bank, m})
	}
}

// legsOf returns what a payment does to the two accounts, the sender's first.
func legsOf(p tx.Payment) []tx.Leg {
	return []tx.Leg{
		{Account: p.From.Name, Delta: -p.Amount.Minor, Currency: p.Amount.Currency, Other: p.To.String()},
		{Account: p.To.Name, Delta: p.Amount.Minor, Currency: p.Amount.Currency, Other: p.From.String()},
	}
}

// join sets the banks that take part: that of the sender first.
func (a *attempt) join() {
	a.party[0], a.parties = party{bank: a.payment.From.Bank}, 1
	if to := a.payment.To.Bank; to != a.payment.From.Bank {
		a.party[1], a.parties = party{bank: to}, 2
	}
}

func (a *attempt) of(bank string) *party {
	for i := range a.party[:a.parties] {
		if a.party[i].bank == bank {
			return &a.party[i]
		}
	}
	return nil
}

// finished notes that a bank is done, and reports whether all are.
func (a *attempt) finished(p *party) bool {
	p.done = true
	for _, p := range a.party[:a.parties] {
		if !p.done {
			return false
		}
	}
	return true
}

// vote takes a vote. One owner decides between the last yes and the deadline:
// the core, which is asked one thing at a time.
func (c *Coordinator) vote(now time.Duration, v tx.Vote, e *Effects) {
	a := c.open[v.Tx]
	if a == nil || a.committed {
		if v.Yes { // late, or doubled: it waits for the outcome
			c.outcome(v.Bank, v.Tx, e)
		}
		return
	}
	p := a.of(v.Bank)
	switch {
	case p == nil:
	case v.Yes:
		if a.finished(p) {
			c.commit(now, a, e)
		}
	case v.Reason.Business():
		c.decline(now, a, v, e)
	default:
		c.abort(a, Aborted, v.Reason, e)
	}
}

// commit is the commit point.
func (c *Coordinator) commit(now time.Duration, a *attempt, e *Effects) {
	a.committed = true
	e.Send = make([]Out, 0, len(a.requests)+a.parties)
	c.settle(now, a, Receipt{Key: a.by.key, Status: Paid, Tx: a.id, Payment: a.payment}, e)
	a.requests = a.requests[:0]
	for i := range a.party[:a.parties] {
		a.party[i].done = false
		c.decide(a.party[i].bank, a.id, e)
	}
	c.due(a, now+c.config.Resend)
}

// decline ends an attempt for good.
func (c *Coordinator) decline(now time.Duration, a *attempt, v tx.Vote, e *Effects) {
	c.settle(now, a, Receipt{Key: a.by.key, Status: Declined, Reason: v.Reason, Tx: a.id, Payment: a.payment}, e)
	c.drop(a, v.Bank, e)
}

// settle writes a receipt and answers who waits for it, once it is durable.
func (c *Coordinator) settle(now time.Duration, a *attempt, r Receipt, e *Effects) {
	delete(c.keys, a.by)
	c.store(now, a.by.user, r, e)
	for i, request := range a.requests {
		e.Send = append(e.Send, Reply{request, r, i > 0})
	}
}

// abort ends an attempt that came to nothing: the key is free again.
func (c *Coordinator) abort(a *attempt, s Status, why tx.Reason, e *Effects) {
	delete(c.keys, a.by)
	r := Receipt{Key: a.by.key, Status: s, Reason: why, Tx: a.id, Payment: a.payment}
	for i, request := range a.requests {
		e.Early = append(e.Early, Reply{request, r, i > 0})
	}
	c.drop(a, "", e)
}

// drop forgets an attempt without a commit, and tells all banks but one, which
// knows. A bank that does not hear of it will ask.
func (c *Coordinator) drop(a *attempt, but string, e *Effects) {
	delete(c.open, a.id)
	for _, p := range a.party[:a.parties] {
		if p.bank != but {
			e.Early = append(e.Early, ToBank{p.bank, tx.Decide{Tx: a.id, Low: c.low(c.bank(p.bank))}})
		}
	}
	c.recycle(a)
}

// cancel makes a key one that never will be paid.
func (c *Coordinator) cancel(now time.Duration, in Cancel, e *Effects) {
	by := scoped{in.User, in.Key}
	r := Receipt{Key: in.Key, Status: Cancelled}
	if !fits(in.Key, maxKey) || !fits(in.User, maxName) {
		e.Early = append(e.Early, Reply{Request: in.Request, Receipt: Receipt{Key: in.Key, Status: Invalid, Reason: tx.BadName}})
		return
	}
	if done, ok := c.find(now, by); ok {
		e.Send = append(e.Send, Reply{in.Request, done, true})
		return
	}
	a := c.keys[by]
	switch {
	case a != nil: // the waiters first, and then who cancels
		r.Payment = a.payment
		a.requests = append(a.requests, in.Request)
		c.settle(now, a, r, e)
		c.drop(a, "", e)
	case c.diskLow:
		e.Early = append(e.Early, Reply{Request: in.Request, Receipt: Receipt{Key: in.Key, Status: Unavailable, Reason: tx.Full}})
	case c.table.full(c.config.MaxReceipts):
		e.Early = append(e.Early, Reply{Request: in.Request, Receipt: Receipt{Key: in.Key, Status: Exhausted, Reason: tx.Busy}})
	default:
		c.store(now, in.User, r, e)
		e.Send = append(e.Send, Reply{Request: in.Request, Receipt: r})
	}
}

// lookup tells how a key stands.
func (c *Coordinator) lookup(now time.Duration, in Lookup, e *Effects) {
	by := scoped{in.User, in.Key}
	r, ok := c.find(now, by)
	if a := c.keys[by]; !ok && a != nil {
		r = Receipt{Key: in.Key, Status: Pending, Tx: a.id, Payment: a.payment}
	} else if !ok {
		r = Receipt{Key: in.Key, Status: Unknown}
	}
	e.Send = append(e.Send, Reply{in.Request, r, ok})
}
