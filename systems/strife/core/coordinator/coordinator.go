package coordinator

import (
	"fmt"
	"slices"
	"time"

	"dyno/internal/node"
	"dyno/systems/strife/core/tx"
)

// Config says how a coordinator works. Banks is required.
type Config struct {
	Gateway uint32   // its number in every [tx.ID]
	Banks   []string // that it knows

	// Prepare is how long banks have for their votes; 0: 1 s. It ends an attempt
	// before the commit point, and never after.
	Prepare time.Duration
	// Resend is how long a bank has to acknowledge a commit before it is told
	// again; it doubles to a bound of 5 s, with jitter; 0: twice Prepare.
	Resend time.Duration
	// KeyTTL is how long a receipt is kept; 0: 24 h.
	KeyTTL time.Duration
	// Cap bounds one payment, in minor units; 0: 10^12.
	Cap int64
	// MaxInFlight bounds the attempts under way; 0: 10,000.
	MaxInFlight int
	// MaxWaiters bounds the requests that wait for one attempt; 0: 64.
	MaxWaiters int
	// MaxReceipts bounds the receipts' memory in bytes, to 64 KiB; 0: 1 GiB; at
	// most 2 GiB.
	MaxReceipts int64
	Seed        uint64 // of the jitter
}

func (c Config) complete() Config {
	or := func(d *time.Duration, other time.Duration) {
		if *d <= 0 {
			*d = other
		}
	}
	or(&c.Prepare, time.Second)
	or(&c.Resend, 2*c.Prepare)
	or(&c.KeyTTL, 24*time.Hour)
	if c.Cap <= 0 {
		c.Cap = 1e12
	}
	if c.MaxInFlight <= 0 {
		c.MaxInFlight = 10_000
	}
	if c.MaxWaiters <= 0 {
		c.MaxWaiters = 64
	}
	if c.MaxReceipts <= 0 {
		c.MaxReceipts = 1 << 30
	}
	c.MaxReceipts = min(c.MaxReceipts, maxChunks*chunkSize)
	return c
}

// maxResend bounds the wait before a bank is told of a commit again.
const maxResend = 5 * time.Second

// Effects are those of this core.
type Effects = node.Effects[Out]

// Coordinator is a [node.Core].
type Coordinator struct {
	config Config
	epoch  uint32
	number uint64        // of the last attempt
	age    time.Duration // of all lives before this one
	began  time.Duration // this one
	now    time.Duration

	names   names
	banks   map[string]*bank
	open    map[tx.ID]*attempt  // preparing, or committed and not acknowledged by all
	keys    map[scoped]*attempt // preparing
	table   table
	agenda  tx.Agenda     // deadlines, and when to tell of a commit again
	armed   time.Duration // the next Wake; 0: none
	ends    []tx.ID       // to be written with the next forced record
	diskLow bool
	spare   []*attempt
}

// scoped is a key of a user.
type scoped struct{ user, key string }

// bank is what is known of a bank.
type bank struct {
	ours  bool // payments may be made there
	down  bool
	peers []string // for the other bank of a payment: this one
	queue []tx.ID  // attempts in which it takes part, in order, with some that are over
}

// attempt is a transaction under way.
type attempt struct {
	id        tx.ID
	by        scoped
	payment   tx.Payment
	committed bool
	party     [2]party
	parties   int
	due       time.Duration // the deadline, or when to tell again
	tries     int
	requests  []uint64 // that wait for the outcome, the first began it
	record    []byte   // of a commit that was recovered, until the life begins
}

// party is a bank in an attempt. It is done when it has voted yes, and after the
// commit when it has acknowledged.
type party struct {
	bank string
	done bool
}

// New returns a coordinator with nothing behind it.
func New(c Config) *Coordinator {
	out := &Coordinator{
		config: c.complete(), banks: map[string]*bank{}, open: map[tx.ID]*attempt{}, keys: map[scoped]*attempt{},
	}
	out.names.index = map[string]uint32{}
	for _, name := range c.Banks {
		out.bank(name).ours = true
	}
	return out
}

// Begin implements [node.Core]: it begins an epoch, and tells banks of commits
// that they have not acknowledged.
func (c *Coordinator) Begin(now time.Duration) (e Effects) {
	c.epoch++
	c.began, c.now = now, now
	e.Write = append(e.Write, c.epochRecord())
	ids := make([]tx.ID, 0, len(c.open))
	for id := range c.open {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, tx.ID.Compare)
	for _, id := range ids {
		a := c.open[id]
		c.reread(a)
		for _, p := range a.party[:a.parties] {
			b := c.bank(p.bank)
			b.queue = append(b.queue, id)
		}
	}
	for _, id := range ids {
		c.tellAgain(now, c.open[id], &e)
	}
	c.arm(&e)
	return e
}

// Step implements [node.Core].
func (c *Coordinator) Step(now time.Duration, in In) (e Effects) {
	c.now = now
	switch in := in.(type) {
	case Pay:
		c.pay(now, in, &e)
	case tx.Vote:
		c.vote(now, in, &e)
	case tx.Ack:
		c.ack(in)
	case tx.Inquire:
		c.outcome(in.Bank, in.Tx, &e)
	case Cancel:
		c.cancel(now, in, &e)
	case Lookup:
		c.lookup(now, in, &e)
	case List:
		e.Send = append(e.Send, Listing{in.Request, c.list(now, in.User, in.Most)})
	case Balance:
		c.balance(in, &e)
	case BankUp:
		c.bankUp(in.Bank, &e)
	case BankDown:
		c.bankDown(in.Bank, &e)
	case DiskLow:
		c.diskLow = in.Low
	default:
		panic(fmt.Sprintf("coordinator: an input of type %T", in))
	}
	c.arm(&e)
	return e
}

// Wake implements [node.Core].
func (c *Coordinator) Wake(now time.Duration) (e Effects) {
	c.armed, c.now = 0, now
	for {
		at, id, ok := c.agenda.First()
		if !ok || at > now {
			break
		}
		c.agenda.Pop()
		a := c.open[id]
		switch {
		case a == nil || a.due != at:
		case a.committed:
			c.tellAgain(now, a, &e)
		default:
			c.abort(a, Aborted, tx.Timeout, &e)
		}
	}
	c.arm(&e)
	return e
}

// arm names the next Wake, if it is not named yet.
func (c *Coordinator) arm(e *Effects) {
	for {
		at, id, ok := c.agenda.First()
		if !ok {
			return
		}
		if a := c.open[id]; a == nil || a.due != at {
			c.agenda.Pop()
			continue
		}
		if at = max(at, 1); c.armed == 0 || at < c.armed {
			c.armed, e.Wake = at, at
		}
		return
	}
}

// ageAt is how long all lives have run.
func (c *Coordinator) ageAt(now time.Duration) time.Duration { return c.age + now - c.began }

func (c *Coordinator) serves(name string) bool { return c.banks[name] != nil && c.banks[name].ours }

func (c *Coordinator) bank(name string) *bank {
	b := c.banks[name]
	if b == nil {
		b = &bank{peers: []string{name}}
		c.banks[name] = b
	}
	return b
}

// enqueue adds an attempt to a bank's. Those that are over are dropped when they are
// most of them, behind one that does not end.
func (c *Coordinator) enqueue(b *bank, id tx.ID) {
	if len(b.queue) > 2*len(c.open)+64 {
		b.queue = slices.DeleteFunc(b.queue, func(id tx.ID) bool { return c.open[id] == nil })
	}
	b.queue = append(b.queue, id)
}

// low returns the mark below which all attempts of this gateway that concern a
// bank are over.
func (c *Coordinator) low(b *bank) tx.ID {
	for len(b.queue) > 0 && c.open[b.queue[0]] == nil {
		b.queue = b.queue[1:]
	}
	if len(b.queue) > 0 {
		return b.queue[0]
	}
	return tx.ID{Gateway: c.config.Gateway, Epoch: c.epoch, Number: c.number + 1}
}

// Stats say how much there is of what.
type Stats struct {
	Epoch     uint32
	Preparing int // attempts before the commit point
	Committed int // not acknowledged by all banks
	Receipts  int // that are kept
}

// Stats returns the present ones.
func (c *Coordinator) Stats() Stats {
	return Stats{c.epoch, len(c.keys), len(c.open) - len(c.keys), c.table.live}
}

// Preparing reports whether an attempt is under way and not decided.
func (c *Coordinator) Preparing(id tx.ID) bool { return c.open[id] != nil && !c.open[id].committed }

// Committed reports whether an attempt is committed, and not acknowledged by all.
func (c *Coordinator) Committed(id tx.ID) bool { return c.open[id] != nil && c.open[id].committed }
