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
			r.stats.Asked++
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
