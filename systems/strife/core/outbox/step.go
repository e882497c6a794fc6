package outbox

import (
	"slices"
	"strings"
	"time"
)

func (o *Outbox) enqueue(now time.Duration, in Enqueue, e *Effects) {
	p := in.Payment
	switch x := o.entries[p.Key]; {
	case x != nil && x.Payment != p:
		e.Send = append(e.Send, Rejected{p.Key, "another payment has this key: choose another one"})
	case x != nil && x.state == Final:
		e.Send = append(e.Send, x.notice(), Accepted{p.Key, true})
	case x != nil && !in.Once:
		o.keep(x, e)
	case x != nil:
		e.Send = append(e.Send, Accepted{p.Key, !x.once})
	case len(o.entries) >= o.config.Most:
		e.Send = append(e.Send, Rejected{p.Key, "the queue is full: wait until it has drained"})
	default:
		r := record{Type: added, Key: p.Key, Payment: &p, At: o.config.Origin + now, Once: in.Once}
		o.write(r, e)
		e.Send = append(e.Send, Accepted{p.Key, !in.Once})
	}
}

// keep makes a payment stay until its end, and says so.
func (o *Outbox) keep(x *entry, e *Effects) {
	if x.once {
		o.write(record{Type: kept, Key: x.Key}, e)
	}
	e.Send = append(e.Send, Accepted{x.Key, true})
}

// cancel gives a payment up. One that was sent may have happened: the gateway
// has to say.
func (o *Outbox) cancel(now time.Duration, key string, e *Effects) {
	x := o.entries[key]
	switch {
	case x == nil:
		e.Send = append(e.Send, Rejected{key, "no payment in the queue has this key"})
		return
	case x.state == Final:
		e.Send = append(e.Send, x.notice())
	case x.state == Queued:
		o.end(x, Result{Outcome: Cancelled, Reason: "it was never sent"}, e)
	case !x.withdrew:
		o.write(record{Type: withdrawn, Key: key}, e)
		o.lane(x.From).due = now
	}
	e.Send = append(e.Send, Accepted{key, true})
}

func (o *Outbox) answer(now time.Duration, in Answer, e *Effects) {
	x := o.entries[in.Key]
	if x == nil || x.state == Final {
		return
	}
	if in.Verdict == Ended { // of whichever attempt
		o.end(x, in.Result, e)
		return
	}
	if x.number != in.Number {
		return // too late: it was taken for lost
	}
	x.number = 0
	switch {
	case in.Verdict == Failed && x.once:
		o.end(x, Result{Outcome: Aborted, Reason: in.Result.Reason}, e)
	case in.Verdict == Login && x.once && !x.before:
		o.end(x, Result{Outcome: Refused, Reason: NoSession}, e)
	case in.Verdict == Login:
		if !o.locked {
			o.locked = true
			e.Send = append(e.Send, LoginNeeded{})
		}
	default:
		o.wait(now, o.lane(x.From), in.After)
	}
}

// end makes an end durable and tells of it.
func (o *Outbox) end(x *entry, r Result, e *Effects) {
	if o.config.Mutant == Volatile {
		o.final(x, r)
	} else {
		o.write(record{Type: ended, Key: x.Key, Result: &r}, e)
	}
	e.Send = append(e.Send, x.notice())
	if o.config.Mutant == Untold {
		o.write(record{Type: removed, Key: x.Key}, e)
	}
}

func (o *Outbox) told(id uint64, e *Effects) {
	for _, x := range o.finals() {
		if x.id == id {
			o.write(record{Type: removed, Key: x.Key}, e)
		}
	}
}

// connect notes whether the gateway can be reached. When it is back, nobody
// waits any longer.
func (o *Outbox) connect(now time.Duration, up bool) {
	o.online = up
	for _, l := range o.lanes {
		if up {
			l.vain, l.due = 0, now
		}
	}
}

// wait puts off the next attempt of a lane: full jitter below a bound that
// doubles, and no sooner than the gateway asked for.
func (o *Outbox) wait(now time.Duration, l *lane, atLeast time.Duration) {
	bound := min(o.config.First<<min(l.vain, 20), o.config.Longest)
	l.vain++
	l.due = now + max(atLeast, time.Duration(o.jitter.Int64N(int64(bound))))
}

// pump sends what can be sent, and says when to look again.
func (o *Outbox) pump(now time.Duration, e *Effects) {
	for _, l := range o.lanes {
		for len(l.waiting) > 0 && o.expire(now, l.waiting[0], e) {
		}
		for i, x := range slices.Clone(l.waiting) {
			if i > 0 && o.config.Mutant != Overtaking {
				break
			}
			if x.number != 0 && now >= x.deadline {
				x.number = 0
				o.wait(now, l, 0)
			}
			if o.online && !o.locked && x.number == 0 && now >= l.due {
				o.send(now, x, e)
			}
		}
	}
	e.Wake = o.next(now)
}

func (o *Outbox) age(now time.Duration, x *entry) time.Duration { return o.config.Origin + now - x.at }

// expire ends a payment that has become too old, if that can be done without
// asking.
func (o *Outbox) expire(now time.Duration, x *entry, e *Effects) bool {
	switch age := o.age(now, x); {
	case o.config.Mutant == Ageless:
		return false
	case age >= o.config.MaxAge && x.state == Queued:
		o.end(x, Result{Outcome: Cancelled, Reason: "it became too old before it could be sent"}, e)
	case age >= o.config.Forgets:
		o.end(x, Result{Outcome: Forgotten, Reason: "it became too old before the gateway could be asked: see the account's history"}, e)
	default:
		return false
	}
	return true
}

func (o *Outbox) send(now time.Duration, x *entry, e *Effects) {
	withdraw := x.withdrew || o.age(now, x) >= o.config.MaxAge && o.config.Mutant != Ageless
	x.before = x.state == Sent
	if x.state == Queued {
		if o.config.Mutant == Unmarked {
			e.Early = append(e.Early, o.attempt(now, x, withdraw))
			return
		}
		o.write(record{Type: sent, Key: x.Key}, e)
	}
	e.Send = append(e.Send, o.attempt(now, x, withdraw))
	if o.config.Mutant == Dropping {
		o.write(record{Type: removed, Key: x.Key}, e)
	}
}

func (o *Outbox) attempt(now time.Duration, x *entry, withdraw bool) Attempt {
	o.numbers++
	x.number, x.deadline = o.numbers, now+o.config.Timeout
	x.attempts++
	p := x.Payment
	if o.config.Mutant == Rekeying {
		p.Key += strings.Repeat("+", x.attempts)
	}
	return Attempt{Payment: p, Number: x.number, Withdraw: withdraw}
}

// next is the moment at which something is due; 0: none.
func (o *Outbox) next(now time.Duration) (at time.Duration) {
	sooner := func(t time.Duration) {
		if t = max(t, now+1); at == 0 || t < at {
			at = t
		}
	}
	for _, l := range o.lanes {
		if len(l.waiting) == 0 {
			continue
		}
		x := l.waiting[0]
		switch {
		case x.number != 0:
			sooner(x.deadline)
		case o.online && !o.locked:
			sooner(l.due)
		}
		age := o.age(now, x)
		if age < o.config.MaxAge {
			sooner(now + o.config.MaxAge - age)
		} else if age < o.config.Forgets {
			sooner(now + o.config.Forgets - age)
		}
	}
	return at
}

// Mutant is a flaw that a hunt must find.
type Mutant string

// The mutants.
const (
	None       Mutant = ""
	Overtaking Mutant = "overtaking" // sends payments while an earlier one from the same account is under way
	Rekeying   Mutant = "rekeying"   // sends under another key than it was given
	Forgetful  Mutant = "forgetful"  // forgets what earlier lives wrote
	Dropping   Mutant = "dropping"   // removes a payment once it is sent
	Untold     Mutant = "untold"     // removes a payment before the user was told
	Volatile   Mutant = "volatile"   // tells of an end that it does not remember
	Unmarked   Mutant = "unmarked"   // does not remember that it has sent
	Ageless    Mutant = "ageless"    // sends payments of any age
)

// Mutants are all of them.
var Mutants = []Mutant{Overtaking, Rekeying, Forgetful, Dropping, Untold, Volatile, Unmarked, Ageless}
