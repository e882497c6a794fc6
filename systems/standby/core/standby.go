package core

import "time"

// message takes in what the other server says.
func (c *Core) message(m *Message) {
	if m.Kind == Position {
		c.answered(m)
		return
	}
	old := m.Epoch < c.promised || c.role == Primary && m.Epoch == c.promised
	if old && !c.cfg.Mutant.NoFencing || m.Kind == Candidacy {
		c.send(c.here(m, func(p *Message) { p.Agreed = m.Kind == Candidacy && c.agree(m) }))
		return
	}
	if c.role == Primary {
		c.stepDown(m.Epoch)
	}
	c.promise(m.Epoch)
	c.role, c.heard = Standby, c.now
	switch m.Kind {
	case Hello:
		c.send(c.here(m, func(p *Message) { c.hello(m, p) }))
	case Append:
		c.send(c.here(m, func(p *Message) { p.Gap = !c.follow(m) }))
	case Part:
		c.part(m)
	}
}

// here says what this server has, once more is done.
func (c *Core) here(m *Message, also func(*Message)) Message {
	p := Message{Kind: Position, Sent: m.Sent}
	also(&p)
	p.Epoch = c.promised
	p.Action, p.Checksum = c.state.Position()
	return p
}

// answered takes in a position.
func (c *Core) answered(m *Message) {
	switch {
	case c.role == Primary:
		c.position(m)
	case c.role == Recovering && m.Agreed && m.Epoch == c.nextEpoch() && !c.cfg.Witness:
		c.become(m.Epoch, false)
	default:
		c.promise(m.Epoch)
	}
}

// agree says whether the other server, which has no witness to ask, may be
// primary: its log must not lack what is in this one.
func (c *Core) agree(m *Message) bool {
	other := State{reigns: m.Reigns}
	older := other.lastEpoch() < c.state.lastEpoch() ||
		other.lastEpoch() == c.state.lastEpoch() && m.Action < c.state.action
	if c.cfg.Witness || m.Epoch <= c.promised || c.role == Primary || c.role == Standby && c.now-c.heard < c.grant() || older {
		return false
	}
	c.promise(m.Epoch)
	c.role, c.following = Recovering, following{}
	c.heard, c.askAt = c.now, c.now+c.grant()
	return true
}

// hello begins to follow a primary: what it does not have is cut.
func (c *Core) hello(m *Message, p *Message) {
	c.following = following{action: m.Action}
	if m.Origin != c.state.origin {
		p.Refuses = !c.cfg.Resync
		c.following.refuses = p.Refuses
		p.Snapshot = true
		if p.Refuses {
			return
		}
	}
	c.following.epoch = m.Epoch
	common := c.state.common(m.Reigns, m.Action)
	c.following.common = common
	switch {
	case p.Snapshot || common == c.state.action:
	case !c.state.window.reaches(common):
		p.Snapshot = true
	default:
		p.Cut, p.CutEpoch = c.state.action-common, c.state.lastEpoch()
		c.loseAfter(common)
		c.state.cut(common)
		if !c.cfg.Mutant.Uncut {
			c.write(record(recordCut, common))
		}
	}
}

// loseAfter names what is about to be cut, where it may have been acknowledged.
func (c *Core) loseAfter(action uint64) {
	if !c.lossy() {
		return
	}
	for _, r := range c.state.reigns {
		if l := (Lost{r.Epoch, max(action, r.After) + 1, c.state.end(r.Epoch)}); l.First <= l.Last {
			c.lose(l)
		}
	}
}

// follow takes in entries, or none; false when they do not follow.
func (c *Core) follow(m *Message) bool {
	f := &c.following
	if f.epoch != m.Epoch && !c.cfg.Mutant.NoFencing || m.Previous > c.state.action {
		return false
	}
	f.action, f.paired = m.Action, m.Paired
	if m.Previous == c.state.action && m.Checksum != c.state.checksum {
		return false
	}
	var new []Entry
	for _, e := range m.Entries {
		if e.ID <= c.state.action {
			continue
		}
		if c.applyNew(e) != nil {
			break
		}
		new = append(new, e)
	}
	if len(new) > 0 {
		c.write(entriesRecord(new...))
	}
	return len(m.Entries) == 0 || m.Entries[len(m.Entries)-1].ID <= c.state.action
}

// applyNew applies an entry that the next record holds.
func (c *Core) applyNew(e Entry) error {
	c.records++
	defer func() { c.records-- }()
	return c.apply(e)
}

// part takes in a part of the primary's state, and with the last one all of it.
func (c *Core) part(m *Message) {
	if c.following.epoch != m.Epoch {
		c.send(c.here(m, func(p *Message) { p.Gap = true }))
		return
	}
	if m.Chunk.Index+1 == m.Chunk.Count {
		c.loseAfter(c.following.common)
	}
	whole, err := c.gatherPart(m.Chunk)
	if err == nil && !whole {
		return
	}
	c.send(c.here(m, func(p *Message) {
		if p.Gap = err != nil; !p.Gap {
			c.writeState()
		}
	}))
}

// Refuses says that the server does not follow, since it began with other
// accounts than its primary.
func (c *Core) Refuses() bool { return c.following.refuses || c.reign.refused }

// Role tells what the server is, and in which epoch.
func (c *Core) Role() (Role, uint64) { return c.role, c.promised }

// Pair tells what a primary knows of its standby: what that has durably, and
// whether it may not take over, since it may lack something.
func (c *Core) Pair() (shipped uint64, alone bool) {
	return c.reign.acked, c.role == Primary && (c.reign.alone || c.reign.noted)
}

// Lease is how long the lease still holds; -1: there is none, and none needed.
func (c *Core) Lease(now time.Duration) time.Duration {
	switch {
	case c.role != Primary:
		return 0
	case c.leaseless():
		return -1
	}
	return max(0, c.reign.until-now)
}

// State is what the log adds up to.
func (c *Core) State() *State { return c.state }

// Lost names what is known to be lost, and below which epoch that is accepted.
func (c *Core) Lost() (lost []Lost, accepted uint64) { return c.lost, c.state.accepted }

// Remembers is how many clients' last answers are.
func (c *Core) Remembers() int { return len(c.state.replies.by) }

// DurableAction is the last action that is on disk, when a record of the journal
// is the last that is.
func (c *Core) DurableAction(record uint64) uint64 {
	w := &c.state.window
	for id := c.state.action; id >= w.first && id < w.next; id-- {
		if w.slot(id).record <= record {
			return id
		}
	}
	return w.first - 1
}
