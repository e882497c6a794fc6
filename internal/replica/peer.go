package replica

import "time"

// peer is what a replica knows about another one as a receiver of its writes.
type peer struct {
	id     ID
	acked  uint64   // it has the own writes up to this one
	sent   uint64   // those up to this one were sent to it
	most   uint64   // the highest number that was ever sent
	flying []uint64 // the last number of each message without an answer
	room   int      // how many writes may be without an answer

	asking bool // its vector is asked for: nothing is sent before it answers
	askNow bool
	wait   time.Duration // for an answer
	after  time.Duration // when the next writes may be sent
	due    time.Duration // when it should have come; 0: none is expected
}

// ask has the peer asked for its vector at the next Outgoing. What was under way
// may be lost, or late since there is too much: then less is sent at first, so
// that sending again does not make it worse.
func (p *peer) ask(now time.Duration) {
	p.asking, p.askNow = true, true
	p.flying = nil
	p.room = 0
	p.due = now + p.wait
}

// acked takes in how many of the own writes a peer has, and up to which one
// nothing needs to be sent if the peer was asked.
func (r *Replica[B]) acked(now time.Duration, p *peer, has, holds uint64) error {
	if has > r.Last() && r.cfg.Flaw == Sound {
		return &ForgottenError{Self: r.cfg.Self, Peer: p.id, Has: has, Last: r.Last()}
	}
	progress := has > p.acked
	p.acked = max(p.acked, min(has, r.Last()))
	if p.asking { // it is there again
		p.asking, p.askNow = false, false
		p.sent, p.due = min(holds, r.Last()), 0
	}
	p.sent = max(p.sent, p.acked)
	for len(p.flying) > 0 && p.flying[0] <= p.acked {
		p.flying = p.flying[1:]
	}
	if progress || p.sent == p.acked {
		p.wait, p.due = r.cfg.Retry, 0
		p.room = min(2*p.room, r.cfg.Window)
	}
	p.room = max(p.room, min(r.cfg.Batch, r.cfg.Window))
	if p.sent > p.acked && p.due == 0 {
		p.due = now + p.wait
	}
	r.compact()
	return nil
}

// Reach says that there is a connection to a peer again: if an answer of it is
// missing, it is asked at once.
func (r *Replica[B]) Reach(now time.Duration, id ID) {
	if p := r.byID[id]; p != nil && p.due != 0 {
		p.wait = r.cfg.Retry
		p.ask(now)
	}
}

// Outgoing returns what is to be sent by now, and when to call it again at the
// latest; 0: not before something happens.
func (r *Replica[B]) Outgoing(now time.Duration) (out []Message[B], wake time.Duration) {
	out, r.answers = r.answers, nil
	for _, p := range r.peers {
		if p.due != 0 && now >= p.due {
			p.ask(now)
		}
		switch {
		case p.askNow:
			p.askNow = false
			p.wait = min(2*p.wait, r.cfg.RetryMax)
			out = append(out, Message[B]{Kind: Ask, From: r.cfg.Self, To: p.id, Vector: r.has.Clone()})
		case p.asking:
		case r.hurry || p.after <= now:
			out = r.push(now, p, out)
		case p.sent < r.Last():
			wake = earlier(wake, p.after)
		}
		wake = earlier(wake, p.due)
	}
	r.hurry = false
	return out, wake
}

// earlier is the earlier of two moments; 0 is none.
func earlier(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// push sends a peer what it lacks, as far as the bounds permit.
func (r *Replica[B]) push(now time.Duration, p *peer, out []Message[B]) []Message[B] {
	for p.sent < r.Last() && (r.cfg.Messages == 0 || len(p.flying) < r.cfg.Messages) {
		end := min(r.Last(), p.sent+uint64(r.cfg.Batch), p.acked+uint64(p.room))
		if end <= p.sent {
			break
		}
		n := end - p.sent
		writes := r.own[p.sent-r.base : p.sent-r.base+n : p.sent-r.base+n]
		out = append(out, Message[B]{Kind: Push, From: r.cfg.Self, To: p.id, Writes: writes})
		if p.sent < p.most {
			r.stats.Resent += min(n, p.most-p.sent)
		}
		p.sent += n
		p.most = max(p.most, p.sent)
		p.flying = append(p.flying, p.sent)
		p.after = now + r.cfg.Gather
		if p.due == 0 {
			p.due = now + p.wait
		}
	}
	return out
}

// Receive takes in a message and returns which writes are applied by it, in
// order. Its answer is among the next Outgoing. An error is a
// [ForgottenError], after which the replica must not go on; a message that is
// not of a peer, or not to this replica, is ignored.
func (r *Replica[B]) Receive(now time.Duration, m Message[B]) (applied []Write[B], err error) {
	p := r.byID[m.From]
	if p == nil || m.To != r.cfg.Self {
		return nil, nil
	}
	switch m.Kind {
	case Push:
		for _, w := range m.Writes {
			if w.Origin == m.From {
				applied = r.deliver(w, applied)
			}
		}
		r.answer(Message[B]{Kind: Ack, To: m.From, Has: r.acknowledged(m), Call: m.Call})
	case Ack:
		err = r.acked(now, p, m.Has, m.Has)
	case Ask:
		err = r.acked(now, p, m.Vector[r.cfg.Self], 0)
		r.answer(Message[B]{Kind: Offer, To: m.From, Vector: r.has.Clone(), Has: r.holds(m.From), Call: m.Call})
	case Offer:
		err = r.acked(now, p, m.Vector[r.cfg.Self], m.Has)
	}
	return applied, err
}

func (r *Replica[B]) answer(m Message[B]) {
	m.From = r.cfg.Self
	r.answers = append(r.answers, m)
}

func (r *Replica[B]) acknowledged(push Message[B]) uint64 {
	if n := len(push.Writes); n > 0 && r.cfg.Flaw == AcksUnheard {
		return push.Writes[n-1].Seq
	}
	return r.has[push.From]
}

// deliver applies a write if it is the next, and whatever waited for it.
func (r *Replica[B]) deliver(w Write[B], applied []Write[B]) []Write[B] {
	has := r.has[w.Origin]
	switch {
	case r.cfg.Flaw == SkipsGaps && w.Seq > has, r.cfg.Flaw == Twice && w.Seq == has:
		r.take(w)
		return append(applied, w)
	case w.Seq <= has, w.Seq > has+uint64(r.cfg.Window): // it is there already, or too far ahead to wait
		return applied
	case !r.ready(w):
		r.stats.Waited++
		if r.waiting[w.Origin] == nil {
			r.waiting[w.Origin] = make(map[uint64]Write[B])
		}
		r.waiting[w.Origin][w.Seq] = w
		return applied
	}
	r.take(w)
	applied = append(applied, w)
	if len(r.waiting) > 0 {
		delete(r.waiting[w.Origin], w.Seq)
		applied = r.wake(applied)
	}
	return applied
}

// holds is the number up to which all writes of an origin are here, applied or
// waiting.
func (r *Replica[B]) holds(id ID) uint64 {
	n := r.has[id]
	for waiting := r.waiting[id]; ; n++ {
		if _, ok := waiting[n+1]; !ok {
			return n
		}
	}
}

// ready reports whether all is there that a write follows.
func (r *Replica[B]) ready(w Write[B]) bool {
	return w.Seq == r.has[w.Origin]+1 && (r.has.Covers(w.Deps) || r.cfg.Flaw == IgnoresDeps)
}

// wake applies what waits and may, until nothing more does.
func (r *Replica[B]) wake(applied []Write[B]) []Write[B] {
	for again := true; again; {
		again = false
		for _, id := range r.members {
			waiting := r.waiting[id]
			w, ok := waiting[r.has[id]+1]
			for ; ok && r.ready(w); w, ok = waiting[r.has[id]+1] {
				r.take(w)
				delete(waiting, w.Seq)
				applied, again = append(applied, w), true
			}
			if len(waiting) == 0 {
				delete(r.waiting, id)
			}
		}
	}
	return applied
}
