package bank

import (
	"time"

	"dyno/internal/node"
	"dyno/internal/replica"
)

// request serves a request, or has it wait.
func (c *Core) request(now time.Duration, r Request, e *node.Effects[Output]) {
	needs := r.Token.Demand(r.Guarantees, r.Kind.op())
	switch {
	case !r.Token.Known(c.replica.Members()):
		c.answer(e, r, Answer{Outcome: Unknown})
	case c.replica.Vector().Covers(needs), c.cfg.Flaw == Hasty && r.Kind == Withdraw && c.balance.plus(-r.Amount).negative():
		c.serve(r, 0, e)
	case len(c.waiting) >= c.cfg.Waiting:
		c.answer(e, r, Answer{Outcome: Busy})
	default:
		wait := min(r.Wait, c.cfg.MaxWait)
		if wait <= 0 {
			wait = c.cfg.MaxWait
		}
		c.waiting = append(c.waiting, waiting{r, needs, now, now + wait})
	}
}

// serve does what is asked, here and now.
func (c *Core) serve(r Request, waited time.Duration, e *node.Effects[Output]) {
	a := Answer{Waited: waited, Outcome: Done}
	if r.Kind != Query {
		c.write(r, &a, e)
		c.answer(e, r, a)
		return
	}
	var fits bool
	if a.Balance, fits = c.balance.fit(); !fits {
		a.Outcome = TooMuch
	}
	c.saw(&r, &a)
	c.answer(e, r, a)
}

// saw notes that an answer shows the state of the account.
func (c *Core) saw(r *Request, a *Answer) {
	a.Seen = c.replica.Vector().Clone()
	if c.cfg.Flaw != Blind {
		r.Token.Saw(r.Guarantees, a.Seen)
	}
}

// write does a deposit or withdrawal, unless it was done or refused before.
func (c *Core) write(r Request, a *Answer, e *node.Effects[Output]) {
	delta := r.Amount
	if r.Kind == Withdraw {
		delta = -delta
	}
	if at, done := c.names[r.Name]; done && c.cfg.Flaw != Double {
		first := c.log[at]
		a.Origin, a.Seq, a.Again = first.Origin, first.Seq, true
		if first.Delta != delta {
			a.Outcome = Reused
		}
		return
	}
	refused := c.refused[r.Name]
	a.Again = refused
	after := c.balance.plus(delta)
	switch _, fits := after.fit(); {
	case refused, r.Kind == Withdraw && after.negative():
		c.refuse(r, a, e)
	case !fits && r.Elsewhere:
		a.Outcome = Unsure
	case !fits:
		a.Outcome = TooMuch
	default:
		w, err := c.replica.Local(Body{r.Name, delta}, c.follows(&r))
		if err != nil {
			a.Outcome = Busy
			return
		}
		c.apply(w, e)
		a.Origin, a.Seq = w.Origin, w.Seq
	}
}

// follows is what other branches must have before a write. What this branch itself
// has written is left out: they apply that before anyway.
func (c *Core) follows(r *Request) (deps replica.Vector) {
	for origin, n := range r.Token.Follows(r.Guarantees) {
		if origin == c.cfg.Replica.Self {
			continue
		}
		if deps == nil {
			deps = make(replica.Vector)
		}
		deps[origin] = n
	}
	return deps
}

// refuse answers that there is not enough money, if that can be the last word.
func (c *Core) refuse(r Request, a *Answer, e *node.Effects[Output]) {
	if r.Elsewhere && c.cfg.Flaw != Final {
		a.Outcome = Unsure
		return
	}
	a.Outcome, a.Seen = Refused, c.replica.Vector().Clone()
	if !c.refused[r.Name] {
		c.refused[r.Name] = true
		e.Write = append(e.Write, refusalRecord(r.Name))
	}
}

// answer completes an answer, and what the session's token becomes.
func (c *Core) answer(e *node.Effects[Output], r Request, a Answer) {
	a.Call = r.Call
	switch {
	case a.Outcome == Refused && c.cfg.Flaw != Blind:
		r.Token.Saw(r.Guarantees, a.Seen)
	case a.Outcome == Done && r.Kind != Query && c.cfg.Flaw != Forgetful:
		r.Token.Wrote(r.Guarantees, a.Origin, a.Seq)
	}
	a.Token = r.Token
	e.Send = append(e.Send, a)
}
