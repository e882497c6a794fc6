package core

// request does what a client asks, or says why not.
func (c *Core) request(q *Request) {
	if c.role == Standby && q.Promote && c.mayTakeOver() {
		c.become(c.nextEpoch(), true)
	}
	if why := c.unready(q); why != 0 {
		c.refuse(q.Ref, why)
		return
	}
	seen := c.state.end(q.SeenEpoch)
	if q.SeenEpoch < c.promised && q.SeenAction > seen && q.SeenEpoch >= c.state.accepted {
		lost := Lost{q.SeenEpoch, seen + 1, q.SeenAction}
		if c.lossy() {
			c.lose(lost)
		}
		c.reply(&Reply{Ref: q.Ref, Outcome: IsLost, Lost: lost})
		return
	}
	balance, known := c.state.Balance(q.Account)
	reply := &Reply{Ref: q.Ref, Balance: balance, Outcome: Done}
	switch {
	case q.Amount < 0 || q.Client == 0 || q.Kind < Lookup || q.Kind > Deposit:
		reply.Outcome = Invalid
	case q.Kind == Lookup && known:
	case !known:
		reply.Outcome = NotFound
	default:
		c.change(q, reply, min(seen, q.SeenAction))
		return
	}
	c.await(reply, c.state.action, c.base())
}

// mayTakeOver says whether a standby may be promoted by a client: its primary
// has been silent for longer than its lease, and had acknowledged nothing that
// is not here.
func (c *Core) mayTakeOver() bool {
	f := &c.following
	return !c.cfg.Witness && !f.refuses && (f.paired || c.cfg.Async) && c.now-c.heard >= c.grant()
}

// unready says why the server cannot answer now; 0: it can.
func (c *Core) unready(q *Request) Outcome {
	r := &c.reign
	switch {
	case c.role != Primary && q.SeenAction > c.state.action:
		return Behind
	case c.role != Primary, !c.leased() && (c.cfg.Witness || c.now-r.heard <= c.grant()), len(r.pending) >= c.cfg.Pending:
		return NotPrimary
	case !c.cfg.Witness && !r.alone && !c.cfg.Async && c.now-r.heard > c.grant():
		return NoStandby
	case q.SeenEpoch > c.promised || q.SeenEpoch == c.promised && q.SeenAction > c.state.action:
		return Behind
	}
	return 0
}

// base is the journal's record that a reply about the present state rests on.
func (c *Core) base() uint64 {
	if u, there := c.state.window.at(c.state.action); there {
		return max(u.record, c.reign.base)
	}
	return c.reign.base
}

// change does a withdrawal or a deposit, once. seen is what the client had seen
// when it first sent the request.
func (c *Core) change(q *Request, reply *Reply, seen uint64) {
	last, known := c.state.replies.get(q.Client)
	switch {
	case q.Number == 0, known && q.Number == last.Number && c.another(q, last):
		c.refuse(q.Ref, Invalid)
	case known && q.Number == last.Number:
		*reply = Reply{Ref: q.Ref, Outcome: outcome(last.Refused), Balance: last.Balance, Epoch: last.Epoch, Action: last.Action, Repeated: true}
		c.await(reply, last.Action, c.base())
	case known && q.Number < last.Number:
		c.refuse(q.Ref, Over)
	case !known && seen < c.state.forgotten:
		c.reply(&Reply{Ref: q.Ref, Outcome: Forgotten, Epoch: c.promised, Action: c.state.action})
	default:
		c.act(q, reply)
	}
}

// another says whether a repeated number is that of another request, which must
// not get the first one's answer. It is known while the action is in the window.
func (c *Core) another(q *Request, last Remembered) bool {
	u, there := c.state.window.at(last.Action)
	if !there || u.entry.Client != q.Client {
		return false
	}
	delta := q.Amount
	if q.Kind == Withdraw {
		delta = -q.Amount
	}
	e := u.entry
	return e.Account != c.state.index[q.Account] || e.Refused && q.Kind != Withdraw || !e.Refused && e.Delta != delta
}

// act does what is asked, and begins to have it remembered on both sides.
func (c *Core) act(q *Request, reply *Reply) {
	e := Entry{Client: q.Client, Number: q.Number, Account: c.state.index[q.Account], Delta: q.Amount}
	switch {
	case q.Kind == Withdraw && q.Amount > reply.Balance: // remembered, since an attempt that is late must not succeed
		e.Delta, e.Refused = 0, true
	case q.Kind == Withdraw:
		e.Delta = -q.Amount
	case !fits(reply.Balance, q.Amount):
		c.reply(&Reply{Ref: q.Ref, Outcome: Invalid})
		return
	}
	e = c.log(e)
	reply.Outcome, reply.Balance = outcome(e.Refused), c.state.balances[e.Account]
	c.await(reply, e.ID, c.records)
}

func outcome(refused bool) Outcome {
	if refused {
		return TooMuch
	}
	return Done
}

// log adds an entry to the log, and ships it.
func (c *Core) log(e Entry) Entry {
	e.ID, e.Epoch = c.state.action+1, c.promised
	c.state.seal(&e)
	c.write(entriesRecord(e))
	if err := c.state.apply(e, c.records); err != nil {
		panic(err) // it was made to fit
	}
	if c.cfg.Acted != nil {
		c.cfg.Acted(e)
	}
	c.ship()
	return e
}

// await sends a reply once what it speaks of is safe.
func (c *Core) await(reply *Reply, action, record uint64) {
	if reply.Action = action; !reply.Repeated {
		reply.Epoch = c.promised
	}
	c.reign.pending = append(c.reign.pending, waiting{action, record, reply})
	c.release()
}

// refuse tells a client that it gets no answer here and now.
func (c *Core) refuse(ref uint64, why Outcome) {
	c.reply(&Reply{Ref: ref, Outcome: why, Epoch: c.promised, Action: c.state.action})
}

// reply sends one that says nothing of the state.
func (c *Core) reply(r *Reply) {
	c.Shipped.Answered++
	c.e.Early = append(c.e.Early, Out{Reply: r})
}

// accept has an operator's word that losses are known written down, as an action
// like any other.
func (c *Core) accept(a Accept) {
	switch {
	case c.unready(&Request{}) != 0:
		c.refuse(a.Ref, NotPrimary)
	case len(c.lost) == 0 || c.lost[len(c.lost)-1].Epoch < c.state.accepted:
		c.refuse(a.Ref, Invalid)
	default:
		e := c.log(Entry{Number: c.promised, Account: NoAccount})
		c.await(&Reply{Ref: a.Ref, Outcome: Done}, e.ID, c.records)
	}
}
