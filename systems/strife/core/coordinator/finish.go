package coordinator

import (
	"time"

	"dyno/internal/splitmix"
	"dyno/systems/strife/core/tx"
)

// due sets when an attempt is looked at next.
func (c *Coordinator) due(a *attempt, at time.Duration) {
	a.due = at
	c.agenda.Add(at, a.id)
}

// decide tells a bank of a commit, once that is durable.
func (c *Coordinator) decide(to string, id tx.ID, e *Effects) {
	e.Send = append(e.Send, ToBank{to, tx.Decide{Tx: id, Commit: true, Low: c.low(c.bank(to))}})
}

// tellAgain tells the banks that have not acknowledged, and sets when to do so
// again: for ever, for after the commit point there is no way back.
func (c *Coordinator) tellAgain(now time.Duration, a *attempt, e *Effects) {
	for _, p := range a.party[:a.parties] {
		if !p.done && !c.bank(p.bank).down {
			c.decide(p.bank, a.id, e)
		}
	}
	wait := min(c.config.Resend<<min(a.tries, 10), maxResend)
	a.tries++
	chance := splitmix.Mix(c.config.Seed ^ splitmix.Mix(a.id.Number) ^ uint64(a.tries))
	c.due(a, now+wait/2+time.Duration(chance%uint64(wait/2+1)))
}

// ack takes an acknowledgement of a commit.
func (c *Coordinator) ack(in tx.Ack) {
	a := c.open[in.Tx]
	if a == nil || !a.committed {
		return
	}
	if p := a.of(in.Bank); p != nil && a.finished(p) {
		delete(c.open, a.id)
		c.ends = append(c.ends, a.id)
		c.recycle(a)
	}
}

// outcome tells a bank how a transaction ended, if it has: without a commit
// record, by abort. Of an attempt that never began here nothing is said, as its
// gateway's journal may have been lost.
func (c *Coordinator) outcome(bank string, id tx.ID, e *Effects) {
	a := c.open[id]
	switch {
	case a != nil && a.committed:
		if p := a.of(bank); p != nil && !p.done {
			c.decide(bank, id, e)
		}
	case a != nil:
	case id.Below(tx.ID{Gateway: c.config.Gateway, Epoch: c.epoch, Number: c.number + 1}):
		e.Early = append(e.Early, ToBank{bank, tx.Decide{Tx: id, Low: c.low(c.bank(bank))}})
	}
}

// balance asks a bank for a balance that reflects every commit that the bank has
// not acknowledged. It goes out once those are durable.
func (c *Coordinator) balance(in Balance, e *Effects) {
	if !c.serves(in.Account.Bank) {
		return
	}
	b := c.bank(in.Account.Bank)
	m := tx.Balance{Request: in.Request, Account: in.Account.Name}
	for _, id := range b.queue {
		a := c.open[id]
		if a == nil || !a.committed || a.of(in.Account.Bank).done {
			continue
		}
		if a.payment.From == in.Account || a.payment.To == in.Account {
			m.After = append(m.After, id)
		}
	}
	e.Send = append(e.Send, ToBank{in.Account.Bank, m})
}

// bankUp tells a bank what it has not acknowledged.
func (c *Coordinator) bankUp(name string, e *Effects) {
	b := c.bank(name)
	b.down = false
	for _, id := range b.queue {
		if a := c.open[id]; a != nil && a.committed && !a.of(name).done {
			c.decide(name, id, e)
		}
	}
}

// bankDown aborts what waits for a bank's vote.
func (c *Coordinator) bankDown(name string, e *Effects) {
	b := c.bank(name)
	b.down = true
	for _, id := range append([]tx.ID(nil), b.queue...) {
		if a := c.open[id]; a != nil && !a.committed && !a.of(name).done {
			c.abort(a, Unavailable, tx.Unreachable, e)
		}
	}
}

// newAttempt returns an empty attempt.
func (c *Coordinator) newAttempt() *attempt {
	if n := len(c.spare); n > 0 {
		a := c.spare[n-1]
		c.spare = c.spare[:n-1]
		return a
	}
	return &attempt{}
}

func (c *Coordinator) recycle(a *attempt) {
	*a = attempt{requests: a.requests[:0]}
	if len(c.spare) < 1000 {
		c.spare = append(c.spare, a)
	}
}
