package sim

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Link says how messages travel from one node to another. The zero Link
// carries each at once, in order, exactly once.
type Link struct {
	// Delay is drawn anew for each message, so that one may overtake another
	// unless the link is Ordered.
	Delay Delay
	// Drop is the probability that a message is lost.
	Drop float64
	// Duplicate is the probability that a message comes twice, the second time
	// after a delay of its own.
	Duplicate float64
	// Ordered delays what would overtake, as a TCP connection does.
	Ordered bool
}

func (l Link) check(name string) error {
	if err := l.Delay.check(name + ": Delay"); err != nil {
		return err
	}
	if !isShare(l.Drop) || !isShare(l.Duplicate) {
		return misused("%s: Drop is %v and Duplicate is %v, want probabilities between 0 and 1", name, l.Drop, l.Duplicate)
	}
	return nil
}

// isShare is false for NaN too.
func isShare(p float64) bool { return p >= 0 && p <= 1 }

// wire names one direction between two nodes.
type wire struct{ from, to ID }

// send decides a message's fate. All chance comes from one draw of the
// sender's generator, so that a fault on one message leaves the fate of the
// next as it was: a schedule can then be shrunk without shuffling the rest.
func (w *World) send(from *node, to ID, msg any) {
	if w.err != nil {
		return
	}
	if to < 0 || int(to) >= len(w.nodes) {
		w.stop(fmt.Errorf("at %v %s: sends to node %d, but the world has nodes 0 to %d", w.Now(), from.name, to, len(w.nodes)-1))
		return
	}
	w.stats.Sent++
	w.sends++
	if w.cfg.Record {
		w.note(Moment{What: "send", Node: from.id, Peer: to, Number: w.sends, Text: describe(msg)})
	}
	w.chance.Seed(from.net.Uint64(), w.cfg.Seed)
	if to == from.id {
		w.carry(wire{to, to}, msg, 0, false)
		return
	}
	line := wire{from.id, to}
	link := w.link(line)
	wait := link.Delay.Sample(w.rng)
	lost := link.Drop > 0 && w.rng.Float64() < link.Drop
	twice := link.Duplicate > 0 && w.rng.Float64() < link.Duplicate
	slower := time.Duration(0)
	for i := range w.weather {
		f := &w.weather[i]
		if !f.covers(line) {
			continue
		}
		switch f.kind {
		case Drop:
			lost = w.rng.Float64() < f.p || lost
		case Duplicate:
			twice = w.rng.Float64() < f.p || twice
		case Delayed:
			slower += f.wait(w.rng)
		}
	}
	if w.severed(line) {
		w.lose(&w.stats.Cut, "cut", line, msg, w.sends)
		return
	}
	if lost {
		w.lose(&w.stats.Dropped, "drop", line, msg, w.sends)
		return
	}
	w.carry(line, msg, wait+slower, link.Ordered)
	if twice {
		w.stats.Duplicated++
		w.carry(line, msg, link.Delay.Sample(w.rng)+slower, link.Ordered)
	}
}

func (w *World) link(line wire) *Link {
	if len(w.links) > 0 {
		if l, ok := w.links[line]; ok {
			return l
		}
	}
	return &w.cfg.Network
}

// carry schedules the arrival.
func (w *World) carry(line wire, msg any, wait time.Duration, ordered bool) {
	at := later(w.now, wait)
	if ordered {
		at = max(at, w.latest[line])
		w.latest[line] = at
	}
	w.schedule(at, event{what: delivery, node: line.to, from: line.from, msg: msg, tag: w.sends})
}

// arrive hands a message over, if there is anybody to take it.
func (w *World) arrive(e *event) {
	n, line := w.nodes[e.node], wire{e.from, e.node}
	switch {
	case w.severed(line):
		w.lose(&w.stats.Cut, "cut", line, e.msg, e.tag)
	case !n.up():
		w.lose(&w.stats.Missed, "down", line, e.msg, e.tag)
	case n.paused():
		n.backlog = append(n.backlog, *e)
		w.waiting++
	default:
		w.deliver(n, e)
	}
}

func (w *World) deliver(n *node, e *event) {
	w.stats.Delivered++
	if w.cfg.Trace {
		w.traceMessage(n, "recv", w.nodes[e.from].name, "", e.msg)
	}
	w.note(Moment{What: "receive", Node: n.id, Peer: e.from, Number: e.tag})
	msg := e.msg
	if w.cfg.Clone != nil {
		msg = w.cfg.Clone(msg)
	}
	n.node.Receive(e.from, msg)
}

func (w *World) lose(count *uint64, why string, line wire, msg any, number uint64) {
	*count++
	w.note(Moment{What: "lose", Node: line.to, Peer: line.from, Number: number, Text: why})
	if w.cfg.Trace {
		w.traceMessage(w.nodes[line.to], "lost", w.nodes[line.from].name, why, msg)
	}
}

func (w *World) severed(line wire) bool {
	if line.from == line.to {
		return false
	}
	for i := range w.cuts {
		if w.cuts[i].covers(line) {
			return true
		}
	}
	return false
}

// Delay is a distribution of durations: Base, plus a uniform share of Spread,
// plus an exponential of mean Tail. Base alone is constant, Base and Spread
// are uniform between Base and Base+Spread, Tail alone is exponential. The
// zero Delay takes no time.
type Delay struct{ Base, Spread, Tail time.Duration }

// Mean returns the distribution's mean.
func (d Delay) Mean() time.Duration { return d.Base + d.Spread/2 + d.Tail }

// Sample draws one duration.
func (d Delay) Sample(rng *rand.Rand) time.Duration {
	out := d.Base
	if d.Spread > 0 {
		out += time.Duration(rng.Int64N(int64(d.Spread) + 1))
	}
	if d.Tail > 0 {
		out += time.Duration(rng.ExpFloat64() * float64(d.Tail))
	}
	return out
}

// check refuses what is negative or so long that sums of it could overflow.
func (d Delay) check(name string) error {
	if min(d.Base, d.Spread, d.Tail) < 0 || max(d.Base, d.Spread, d.Tail) > maxTime {
		return misused("%s is %+v, want each part between 0 and %v", name, d, maxTime)
	}
	return nil
}

// later adds a wait to a moment, both in ns, without overflow.
func later(now int64, wait time.Duration) int64 {
	if at := now + int64(max(wait, 0)); at >= now {
		return at
	}
	return int64(never)
}

const never = time.Duration(1<<63 - 1)
