package core

import "time"

// reign is what a primary knows.
type reign struct {
	until time.Duration // its lease holds, by clock

	alone      bool   // it may acknowledge what the standby does not have
	wantsAlone uint64 // the first question to the witness for that; 0: it does not want to
	barrier    uint64 // the standby must have this action until they are a pair
	asPair     bool   // the witness was asked for the lease of a pair
	noted      bool   // the witness takes it to be alone, as far as is known
	committed  uint64 // the last action that may have been acknowledged

	phase   phase
	next    uint64        // action to be shipped
	acked   uint64        // action that the standby has durably
	heard   time.Duration // the standby, last
	greeted time.Duration // it, last
	renewed time.Duration // the lease, last
	first   uint64        // the question to the witness that gave this reign

	base    uint64 // the journal's record that a reply rests on at least
	pending []waiting
	refused bool // by a standby that began with other accounts
}

// phase is how far a primary is with its standby.
type phase uint8

const (
	greeting     phase = iota // a Hello is on its way
	transferring              // a snapshot is
	streaming
)

// waiting is a reply that may not go out yet.
type waiting struct {
	action uint64 // that it speaks of
	record uint64 // of the journal
	reply  *Reply
}

// become begins a reign. One that is not alone acknowledges nothing before the
// standby has all of the log.
func (c *Core) become(epoch uint64, alone bool) {
	c.promise(epoch)
	if l := (Lost{c.following.epoch, c.state.action + 1, c.following.action}); c.lossy() && l.Epoch > 0 && l.First <= l.Last {
		c.lose(l)
	}
	c.role, c.following = Primary, following{}
	c.reign = reign{
		alone: alone, barrier: c.state.action, committed: c.state.action,
		noted: c.cfg.Witness, heard: c.now, renewed: c.now, first: c.asks, base: c.records,
	}
	c.greet()
}

// greet says Hello.
func (c *Core) greet() {
	c.reign.phase, c.reign.greeted = greeting, c.now
	c.early(Message{Kind: Hello, Epoch: c.promised, Origin: c.state.origin, Reigns: c.state.Reigns(), Action: c.state.action, Sent: c.clock()})
}

// stepDown ends a reign: what waits for an answer may have been done or not.
func (c *Core) stepDown(epoch uint64) {
	c.abandon(NotPrimary)
	c.role, c.reign, c.heard = Recovering, reign{}, c.now
	c.askAt = c.now + c.grant()
	c.following = following{}
	c.promise(epoch)
}

// abandon refuses all that waits for an answer.
func (c *Core) abandon(why Outcome) {
	for _, w := range c.reign.pending {
		c.refuse(w.reply.Ref, why)
	}
	c.reign.pending = nil
}

// reignOn does what a primary does from time to time.
func (c *Core) reignOn() {
	r := &c.reign
	silent := c.now-r.heard > c.grant()
	if silent && !r.alone && r.wantsAlone == 0 {
		switch {
		case !c.cfg.Witness && (c.cfg.Alone || c.cfg.Async):
			r.alone = true
		case !c.cfg.Witness:
			c.abandon(NoStandby)
		case c.cfg.Mutant.Undisclosed:
			r.alone = true
		default:
			r.wantsAlone, r.renewed = c.asks+1, 0
		}
	}
	if c.cfg.Witness && c.now-r.renewed >= c.grant()/5 {
		c.renew()
	}
	switch {
	case r.phase != streaming || silent:
		if c.now-r.greeted >= c.beat() && (r.phase != transferring || silent) {
			c.greet()
		}
	default:
		c.early(c.append(nil))
	}
	c.release()
}

// renew asks the witness for the lease again, and tells it whether the standby
// may lack something.
func (c *Core) renew() {
	r := &c.reign
	r.renewed = c.now
	r.asPair = r.paired()
	c.ask(c.promised, !r.asPair)
}

// paired says that the standby has all that was acknowledged.
func (r *reign) paired() bool { return !r.alone && r.wantsAlone == 0 && r.acked >= r.barrier }

// append makes a message with the next entries.
func (c *Core) append(entries []Entry) Message {
	r := &c.reign
	m := Message{Kind: Append, Epoch: c.promised, Previous: r.next - 1, Action: c.state.action, Entries: entries, Sent: c.clock()}
	m.Paired = r.paired()
	if u, there := c.state.window.at(r.next); there {
		m.Checksum = u.checksum
	} else {
		m.Checksum = c.state.checksum
	}
	return m
}

// ship sends what the standby does not have yet.
func (c *Core) ship() {
	r := &c.reign
	for r.phase == streaming && r.next <= c.state.action && r.next <= r.acked+maxInFlight {
		if !c.state.window.reaches(r.next - 1) {
			c.greet()
			return
		}
		n := min(maxBatch, c.state.action+1-r.next)
		entries := make([]Entry, 0, n)
		for id := r.next; id < r.next+n; id++ {
			entries = append(entries, c.state.window.slot(id).entry)
		}
		c.early(c.append(entries))
		r.next += n
		c.Shipped.Entries += n
	}
}

// position takes in what the standby says that it has.
func (c *Core) position(m *Message) {
	r := &c.reign
	if m.Epoch > c.promised {
		c.stepDown(m.Epoch)
		return
	}
	if m.Epoch < c.promised && !c.cfg.Mutant.NoFencing {
		return
	}
	r.heard = c.now
	if m.Refuses {
		r.heard, r.phase, r.refused = c.now-c.grant()-1, greeting, true // it is of no use
		return
	}
	if !c.cfg.Witness && m.Sent > 0 {
		r.until = max(r.until, m.Sent+c.hold())
	}
	if m.Cut > 0 && c.lossy() {
		c.lose(Lost{m.CutEpoch, m.Action + 1, m.Action + m.Cut})
	}
	c.advance(m)
	c.pair()
	c.ship()
	c.release()
}

// advance moves on with the standby.
func (c *Core) advance(m *Message) {
	r := &c.reign
	switch {
	case m.Gap:
		if r.phase != greeting || c.now-r.greeted >= c.beat()/2 {
			c.greet()
		}
	case r.phase == streaming:
		r.acked = max(r.acked, min(m.Action, c.state.action))
	case m.Snapshot || !c.state.window.reaches(m.Action) || !c.agrees(m):
		if r.phase == greeting {
			c.transfer()
		}
	default:
		r.phase, r.next, r.acked = streaming, m.Action+1, m.Action
	}
}

// agrees compares checksums where this server still knows its own.
func (c *Core) agrees(m *Message) bool {
	if m.Action == c.state.action {
		return m.Checksum == c.state.checksum
	}
	u, there := c.state.window.at(m.Action + 1)
	return there && u.checksum == m.Checksum
}

// transfer sends all of the state.
func (c *Core) transfer() {
	c.reign.phase = transferring
	c.Shipped.Snapshots++
	for _, p := range c.state.chunks(c.cfg.Chunk) {
		c.early(Message{Kind: Part, Epoch: c.promised, Chunk: p, Sent: c.clock()})
	}
}

// pair has a standby that has nearly caught up count: from now on it must have
// what is acknowledged.
func (c *Core) pair() {
	r := &c.reign
	if r.phase != streaming || c.state.action-r.acked > maxInFlight/2 {
		return
	}
	if r.alone || r.wantsAlone != 0 {
		r.alone, r.wantsAlone, r.barrier = false, 0, c.state.action
	}
	if c.cfg.Witness && r.paired() && !r.asPair {
		c.renew() // from now on the standby may take over
	}
}

// leased says that no other server can be primary.
func (c *Core) leased() bool {
	return c.leaseless() || c.clock() < c.reign.until
}

// leaseless says that there is nobody to grant a lease.
func (c *Core) leaseless() bool { return !c.cfg.Witness && (c.reign.alone || c.cfg.Async) }

// release sends what need not wait any longer.
func (c *Core) release() {
	r := &c.reign
	switch {
	case r.alone || c.cfg.Async || c.cfg.Mutant.Eager:
		r.committed = c.state.action
	default:
		r.committed = max(r.committed, r.acked)
	}
	if len(r.pending) == 0 || !c.leased() {
		return
	}
	n := 0
	for ; n < len(r.pending) && r.pending[n].action <= r.committed; n++ {
		w := r.pending[n]
		if !c.leaseless() {
			w.reply.Until = r.until
		}
		c.e.Send = append(c.e.Send, Out{Reply: w.reply})
		c.e.Rest = max(c.e.Rest, w.record)
		r.pending[n].reply = nil
		c.Shipped.Answered++
	}
	if r.pending = r.pending[n:]; len(r.pending) == 0 {
		r.pending = nil
	}
}
