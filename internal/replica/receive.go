package replica

import "time"

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
	case w.Seq <= has:
		r.stats.Dropped++
		return applied
	case w.Seq > has+uint64(r.cfg.Window):
		r.stats.Overflow++
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
