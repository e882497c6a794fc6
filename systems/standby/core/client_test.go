package core_test

import (
	"time"

	"dyno/bench/sim"
	"dyno/systems/standby/core"
)

// op is one request of a client, all attempts together, in world time.
type op struct {
	request    core.Request
	begin, end time.Duration // end 0: no answer
	reply      core.Reply
}

// client sends one request after the other, each until it is answered.
type client struct {
	w      *world
	env    *sim.Env
	id     uint64
	rng    *chance
	op     int // index in the world's list
	target sim.ID
	tries  uint64
	number uint64
	silent bool // the last server asked did not answer
	seen   [2]uint64
	left   int
}

func (c *client) Init(env *sim.Env) {
	c.env, c.left = env, c.w.actions
	if c.left == 0 {
		c.left = 20
	}
	c.next()
}

func (c *client) next() {
	if c.left == 0 || c.w.over {
		c.op = -1
		return
	}
	c.left--
	q := core.Request{
		Client: c.id, Kind: core.Kind(1 + c.rng.n(3)), Account: accounts[c.rng.n(3)].Name, Amount: int64(c.rng.n(60)),
		SeenEpoch: c.seen[0], SeenAction: c.seen[1],
	}
	if q.Kind != core.Lookup {
		c.number++
	}
	q.Number = c.number
	if c.rng.n(4) == 0 { // it has heard that the other one is primary
		c.target = 1 - c.target
	}
	c.op = len(c.w.ops)
	c.w.ops = append(c.w.ops, op{request: q, begin: c.w.Now()})
	c.try()
}

func (c *client) try() {
	c.tries++
	q := c.w.ops[c.op].request
	q.Ref = uint64(c.env.ID())<<32 | c.tries
	q.Promote = c.silent
	c.w.at("request sent", c.target)
	c.env.Send(c.target, &q)
	c.env.SetTimer(lease/5, c.tries)
}

// Timer: no answer has come in time, or it is time to try again.
func (c *client) Timer(tag uint64) {
	if tag == thinkTag {
		c.next()
	}
	if c.op < 0 || tag == thinkTag {
		return
	}
	if tag >= pauseTag {
		if tag-pauseTag == c.tries {
			c.try()
		}
		return
	}
	if tag == c.tries {
		c.silent = true
		c.target = 1 - c.target
		c.try()
	}
}

// Tags of timers that are no number of an attempt.
const (
	pauseTag = 1 << 40
	thinkTag = 1 << 50
)

func (c *client) Receive(_ sim.ID, msg any) {
	a := msg.(answered)
	if c.op < 0 || a.Ref != uint64(c.env.ID())<<32|c.tries {
		return // late
	}
	o := &c.w.ops[c.op]
	switch a.Outcome {
	case core.Done, core.NotFound, core.TooMuch:
		c.silent = false
		if before, known := c.w.who[a.Epoch]; known && !a.Repeated {
			c.env.Always("one primary in an epoch", before == a.from, "epoch %d: %d and %d", a.Epoch, before, a.from)
		}
		if !a.Repeated {
			c.w.who[a.Epoch] = a.from
		}
		o.reply, o.end = *a.Reply, c.w.Now()
		if seen := [2]uint64{a.Epoch, a.Action}; !a.Repeated {
			c.seen = seen
		}
		c.env.Sometimes("a repeated answer", a.Repeated)
		c.op = -1
		think := lease * time.Duration(c.rng.n(16)*c.rng.n(16)) / 225 // often none, at times a lease
		c.env.SetTimer(think, thinkTag)
		return
	case core.IsLost:
		c.env.Sometimes("a client is told of a loss", true)
		c.env.Always("sync loses nothing", c.w.async, "lost %v", a.Lost)
		c.env.Send(c.target, core.Accept{Ref: uint64(c.env.ID()) << 32})
	case core.Forgotten, core.Invalid, core.Over:
		c.env.Always("requests make sense", false, "outcome %d of %+v", a.Outcome, o.request)
	case core.NotPrimary, core.Behind, core.NoStandby:
		if a.Outcome == core.NoStandby {
			c.silent = true // it cannot act: the other one may
		}
		c.target = 1 - c.target
	}
	c.env.SetTimer(lease/40, pauseTag+c.tries)
}
