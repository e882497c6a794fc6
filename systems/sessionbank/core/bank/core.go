package bank

import (
	"fmt"
	"slices"
	"time"

	"dyno/internal/node"
	"dyno/internal/replica"
)

// Core is a branch.
type Core struct {
	cfg     Config
	replica *replica.Replica[Body]
	balance money
	log     []Entry
	names   map[Name]int  // where a write stands in the log, the one that counts
	refused map[Name]bool // at this branch
	waiting []waiting     // in the order of their coming
	settled uint64        // the last number that was written down as everywhere
	woken   time.Duration // when the host was told to wake it
}

// waiting is a request that waits for the branch to catch up.
type waiting struct {
	Request
	needs    replica.Vector
	since    time.Duration
	deadline time.Duration
}

// settleEvery is how many writes are everywhere before that is written down.
const settleEvery = 256

// New makes a branch without any write.
func New(cfg Config) *Core {
	if cfg.MaxWait == 0 {
		cfg.MaxWait = 5 * time.Second
	}
	if cfg.Waiting == 0 {
		cfg.Waiting = 4096
	}
	if cfg.Flaw == Careless {
		cfg.Replica.Flaw = replica.IgnoresDeps
	}
	return &Core{
		cfg: cfg, replica: replica.New[Body](cfg.Replica), balance: money{}.plus(cfg.Balance),
		names: make(map[Name]int), refused: make(map[Name]bool),
	}
}

// Begin implements [node.Core].
func (c *Core) Begin(now time.Duration) node.Effects[Output] {
	c.replica.Begin(now)
	var e node.Effects[Output]
	c.finish(now, &e)
	return e
}

// Wake implements [node.Core].
func (c *Core) Wake(now time.Duration) node.Effects[Output] {
	var e node.Effects[Output]
	c.woken = 0
	c.expire(now, &e)
	c.finish(now, &e)
	return e
}

// Step implements [node.Core].
func (c *Core) Step(now time.Duration, in Input) node.Effects[Output] {
	var e node.Effects[Output]
	switch in := in.(type) {
	case Request:
		c.request(now, in, &e)
	case Message:
		applied, err := c.replica.Receive(now, in)
		if err != nil {
			e.Early = append(e.Early, Lost{err})
		}
		for _, w := range applied {
			c.apply(w, &e)
		}
		if len(applied) > 0 {
			c.admit(now, &e)
		}
		c.settle(&e)
	case Reached:
		c.replica.Reach(now, in.Branch)
	}
	c.finish(now, &e)
	return e
}

// finish sends what the replica has to send, and names the next moment.
func (c *Core) finish(now time.Duration, e *node.Effects[Output]) {
	out, wake := c.replica.Outgoing(now)
	for _, m := range out {
		e.Send = append(e.Send, m)
	}
	for i := range c.waiting {
		if d := c.waiting[i].deadline; wake == 0 || d < wake {
			wake = d
		}
	}
	if wake != 0 && wake != c.woken {
		c.woken, e.Wake = wake, wake
	}
}

// apply makes a write part of the account and of the journal. A name that comes
// again counts once, as the lowest branch has it, so that all branches agree even
// if a customer gives one name to two writes.
func (c *Core) apply(w Write, e *node.Effects[Output]) {
	c.take(w)
	e.Write = append(e.Write, writeRecord(w))
}

func (c *Core) take(w Write) {
	at, twice := c.names[w.Body.Name]
	c.log = append(c.log, Entry{w.Origin, w.Seq, w.Body, twice})
	switch {
	case twice && c.cfg.Flaw != Double:
		if first := &c.log[at]; w.Origin < first.Origin {
			c.balance = c.balance.plus(w.Body.Delta).plus(-first.Delta)
			c.names[w.Body.Name] = len(c.log) - 1
		}
	default:
		c.balance = c.balance.plus(w.Body.Delta)
		c.names[w.Body.Name] = len(c.log) - 1
	}
}

func (c *Core) settle(e *node.Effects[Output]) {
	if n := c.replica.Everywhere(); n >= c.settled+settleEvery {
		c.settled = n
		e.Write = append(e.Write, settledRecord(n))
	}
}

// admit serves who has waited for what has come.
func (c *Core) admit(now time.Duration, e *node.Effects[Output]) {
	if len(c.waiting) == 0 {
		return
	}
	has := c.replica.Vector()
	c.waiting = slices.DeleteFunc(c.waiting, func(w waiting) bool {
		if !has.Covers(w.needs) {
			return false
		}
		c.serve(w.Request, now-w.since, e)
		return true
	})
}

// expire answers who has waited for too long.
func (c *Core) expire(now time.Duration, e *node.Effects[Output]) {
	c.waiting = slices.DeleteFunc(c.waiting, func(w waiting) bool {
		if now < w.deadline {
			return false
		}
		if c.cfg.Flaw == Impatient {
			c.serve(w.Request, now-w.since, e)
		} else {
			c.answer(e, w.Request, Answer{Outcome: Lagging, Waited: now - w.since})
		}
		return true
	})
}

// Balance is what the account holds here; ok is false if that is beyond 64 bits.
func (c *Core) Balance() (n int64, ok bool) { return c.balance.fit() }

// Vector is what the branch has applied. It must not be changed.
func (c *Core) Vector() replica.Vector { return c.replica.Vector() }

// Log is all that the branch has applied, in order. It must not be changed.
func (c *Core) Log() []Entry { return c.log }

// Acked says how many of the branch's own writes another one has.
func (c *Core) Acked(branch replica.ID) uint64 { return c.replica.Acked(branch) }

// Recover implements [node.Core].
func (c *Core) Recover(record []byte) error {
	r, err := parseRecord(record)
	if err != nil {
		return err
	}
	switch r.tag {
	case tagWrite:
		if err := c.replica.Recover(r.write); err != nil {
			return err
		}
		c.take(r.write)
	case tagRefusal:
		c.refused[r.name] = true
	case tagSettled:
		c.settled = r.settled
		c.replica.Settle(r.settled)
	}
	return nil
}

var _ node.Core[Input, Output] = (*Core)(nil)

func (n Name) String() string { return fmt.Sprintf("write %d of session %q", n.Number, n.Session) }
