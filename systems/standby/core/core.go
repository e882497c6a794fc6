// Package core is the protocol of a primary and its standby: who may act, what
// is shipped, when a client may be told, and how one takes the other's place.
//
// # Who may act
//
// Every reign of a primary has an epoch, granted by a witness under a lease. The
// witness writes an epoch down before it grants it, and grants none while another
// server's lease may hold, so that an epoch has one primary, and of two primaries
// at most one has a lease that holds. A lease counts from the moment at which it
// was asked for, by the primary's own monotonic clock, and less a sixteenth, for
// clocks that drift: by up to 3 %, either of them. All messages carry the epoch;
// who knows of a higher one refuses.
//
// Without a witness the standby takes its place: each acknowledgement of it is a
// lease, for as long as it promises not to take over. It takes over when a client
// asks for it, after that time. A primary without its standby has no lease then,
// and stops, unless an operator said at its start that it may go on alone.
//
// # Who may take over
//
// A reign begins alone: what is acknowledged need not be at the other server. As
// soon as that has caught up the primary acknowledges only what both have, and
// then tells the witness (or the standby) that they are a pair. Only of a pair
// may the other one take over. When the standby is silent, the primary has the
// witness note that it is alone before it acts on it.
//
// # What is told
//
// A reply waits until the action that it speaks of is durable here (the host sees
// to that) and, in sync mode, at the standby, and then goes out only while the
// lease holds. In async mode it does not wait for the standby; what was not
// shipped when the primary dies is lost, and a client that has seen it is told so
// and which actions it was, until an operator accepts it. Epoch and action id in
// each request tell the server what the client has seen; a log that does not
// reach as far in those epochs has lost something.
package core

import (
	"fmt"
	"time"

	"dyno/internal/node"
)

// Role is what a server is at the moment.
type Role uint8

// The roles.
const (
	Recovering Role = iota + 1
	Standby
	Primary
)

// Core is one server.
type Core struct {
	cfg   Config
	state *State
	e     node.Effects[Out]
	now   time.Duration

	records  uint64 // in the journal
	promised uint64 // the highest epoch known; of a primary its own
	role     Role
	lost     []Lost
	install  []byte // the parts of a snapshot that have come, or been recovered
	parts    uint32

	heard time.Duration // the other server, last
	askAt time.Duration // for an epoch, not before
	asks  uint64
	asked [8]time.Duration // when, by number

	reign     reign     // of a primary
	following following // of a standby

	Shipped Shipped
}

// Shipped counts what a primary has sent.
type Shipped struct{ Entries, Snapshots, Answered uint64 }

// following is what a standby knows of its primary.
type following struct {
	epoch   uint64 // after a Hello; 0: none
	action  uint64 // the primary's last
	common  uint64 // the last that both had at the Hello
	paired  bool
	refuses bool
}

const (
	defaultWindow  = 16 << 10
	defaultReplies = 64 << 10
	defaultChunk   = 64 << 10
	defaultPending = 8 << 10

	maxBatch    = 512     // entries in one message
	maxInFlight = 8 << 10 // entries that are shipped and not acknowledged
)

// New makes a server that remembers nothing yet.
func New(cfg Config) (*Core, error) {
	for _, d := range []struct {
		field *int
		value int
	}{{&cfg.Window, defaultWindow}, {&cfg.Replies, defaultReplies}, {&cfg.Chunk, defaultChunk}, {&cfg.Pending, defaultPending}} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	state, err := newState(cfg.Accounts, cfg.Replies, cfg.Window)
	if err != nil {
		return nil, err
	}
	return &Core{cfg: cfg, state: state, role: Recovering}, nil
}

// grant is how long an epoch is granted: the rest of the lease is for noticing
// that it is over.
func (c *Core) grant() time.Duration { return c.cfg.Lease * 3 / 4 }

// hold is how long its holder counts on it.
func (c *Core) hold() time.Duration { return c.grant() * 15 / 16 }

func (c *Core) beat() time.Duration { return c.grant() / 8 }

// Begin implements [node.Core].
func (c *Core) Begin(now time.Duration) node.Effects[Out] {
	c.now, c.heard = now, now
	if c.records == 0 {
		c.writeState()
	}
	c.askAt = now
	if !c.cfg.First {
		c.askAt += c.grant()
	}
	return c.effects(c.tick)
}

// Step implements [node.Core].
func (c *Core) Step(now time.Duration, in In) node.Effects[Out] {
	c.now = now
	switch in := in.(type) {
	case *Request:
		c.request(in)
	case *Message:
		c.message(in)
	case Granted:
		c.granted(in)
	case Accept:
		c.accept(in)
	default:
		panic(fmt.Sprintf("input %T", in))
	}
	return c.effects(nil)
}

// Wake implements [node.Core].
func (c *Core) Wake(now time.Duration) node.Effects[Out] {
	c.now = now
	return c.effects(c.tick)
}

// effects takes what has been gathered.
func (c *Core) effects(then func()) node.Effects[Out] {
	if then != nil {
		then()
		if c.e.Wake == 0 {
			c.e.Wake = c.now + c.beat()
		}
	}
	e := c.e
	c.e = node.Effects[Out]{}
	return e
}

// tick does what is due from time to time.
func (c *Core) tick() {
	if c.role == Primary {
		c.reignOn()
		return
	}
	silent := c.now - c.heard
	if c.now < c.askAt || c.role == Standby && silent < c.grant()/2 || c.following.refuses {
		return
	}
	switch {
	case c.cfg.Witness:
		c.ask(0, true)
		c.askAt = c.now + c.grant()/4
	case c.role == Recovering && c.cfg.Alone && silent >= c.patience():
		c.become(c.nextEpoch(), true)
	case c.role == Recovering:
		c.early(Message{Kind: Candidacy, Epoch: c.nextEpoch(), Reigns: c.state.Reigns(), Action: c.state.action})
	}
}

// nextEpoch is one that only this server may take without a witness: odd ones are
// the first server's.
func (c *Core) nextEpoch() uint64 {
	next := c.promised + 1
	if (next%2 == 1) != c.cfg.First {
		next++
	}
	return next
}

// lossy says that what was acknowledged may be at one server only, without
// anybody who would know.
func (c *Core) lossy() bool { return c.cfg.Async || c.cfg.Alone && !c.cfg.Witness }

// patience is how long a server without a witness waits for another one before
// it acts alone.
func (c *Core) patience() time.Duration {
	if c.cfg.First {
		return c.grant()
	}
	return 4 * c.grant()
}

// ask asks the witness, to renew an epoch or for a new one.
func (c *Core) ask(epoch uint64, alone bool) {
	c.asks++
	c.asked[c.asks%uint64(len(c.asked))] = c.clock()
	c.e.Early = append(c.e.Early, Out{Ask: &Ask{
		Server: c.cfg.Name, Sequence: c.asks, Epoch: epoch, Above: c.promised, Alone: alone, Lease: c.grant(),
	}})
}

// clock is what the lease goes by.
func (c *Core) clock() time.Duration {
	if c.cfg.Mutant.Wall != nil {
		return c.cfg.Mutant.Wall(c.now)
	}
	return c.now
}

// granted takes in the witness's answer.
func (c *Core) granted(g Granted) {
	asked := c.asked[g.Sequence%uint64(len(c.asked))]
	current := g.Sequence+uint64(len(c.asked)) > c.asks
	if c.cfg.Mutant.Hopeful {
		asked = c.clock()
	}
	switch {
	case !current:
	case c.role == Primary && g.Granted && g.Epoch == c.promised:
		c.reign.until, c.reign.noted = max(c.reign.until, asked+c.hold()), g.Alone
		if c.reign.wantsAlone != 0 && g.Alone && g.Sequence >= c.reign.wantsAlone {
			c.reign.alone, c.reign.wantsAlone = true, 0
		}
		c.release()
	case c.role == Primary && !g.Granted && g.Sequence > c.reign.first:
		c.stepDown(g.Epoch)
	case c.role != Primary && g.Granted && g.Epoch > c.promised:
		c.become(g.Epoch, true)
		c.reign.until = asked + c.hold()
	case c.role != Primary && !g.Granted:
		c.askAt = c.now + max(g.Wait, c.grant()/64)
		c.e.Wake = min(c.askAt, c.now+c.beat())
	}
}

// promise writes down a higher epoch.
func (c *Core) promise(epoch uint64) {
	if epoch > c.promised {
		c.promised = epoch
		if !c.cfg.Mutant.Forgetful {
			c.write(record(recordEpoch, epoch))
		}
	}
}

func (c *Core) write(record []byte) {
	c.records++
	c.e.Write = append(c.e.Write, record)
}

func (c *Core) early(m Message) { c.e.Early = append(c.e.Early, Out{Message: &m}) }

func (c *Core) send(m Message) { c.e.Send = append(c.e.Send, Out{Message: &m}) }
