package participant

import (
	"fmt"
	"slices"
	"time"

	"dyno/internal/node"
	"dyno/systems/strife/core/tx"
)

// Config says how a participant works. Bank is required.
type Config struct {
	Bank string // its own name

	// Inquire is how long it stays in doubt before it asks; it doubles to
	// InquireMost, with jitter. 0: 2 s, and at most 5 s.
	Inquire, InquireMost time.Duration
	// Delay is how long the record of a commit may wait for another record to go
	// with; 0: not at all.
	Delay time.Duration
	// MaxPrepared bounds the transactions in doubt; 0: 10,000.
	MaxPrepared int
	Seed        uint64 // of the jitter
}

func (c Config) complete() Config {
	if c.Inquire <= 0 {
		c.Inquire = 2 * time.Second
	}
	if c.InquireMost <= 0 {
		c.InquireMost = 5 * time.Second
	}
	if c.MaxPrepared <= 0 {
		c.MaxPrepared = 10_000
	}
	return c
}

// Effects are those of this core.
type Effects = node.Effects[Out]

// Participant is a [node.Core].
type Participant struct {
	config   Config
	accounts accounts
	doubts   map[tx.ID]*doubt
	finished finished
	resolved map[tx.ID]bool // by operators: committed or not
	damage   int            // of them, that contradict the gateway

	agenda  tx.Agenda     // inquiries
	armed   time.Duration // the next Wake; 0: none
	lazy    [][]byte      // records to go with the next forced one
	acks    []tx.Ack      // that rest on them
	flushAt time.Duration // when they go in any case; 0: whenever
	diskLow bool
	spare   []*doubt
	known   map[string][]string // lists of peers by how records have them, since they are few
}

// doubt is a transaction in doubt.
type doubt struct {
	id    tx.ID
	room  [2]leg
	legs  []leg // in room
	peers []string
	due   time.Duration // the next inquiry
	tries int
}

// New returns a bank without accounts.
func New(c Config) *Participant {
	return &Participant{
		config: c.complete(), accounts: accounts{index: map[string]int{}}, doubts: map[tx.ID]*doubt{},
		finished: finished{pages: map[pageKey]*page{}}, resolved: map[tx.ID]bool{}, known: map[string][]string{},
	}
}

// Begin implements [node.Core]: it asks about all that is in doubt.
func (p *Participant) Begin(now time.Duration) (e Effects) {
	p.inquireAll(now, &e)
	p.arm(&e)
	return e
}

// Step implements [node.Core].
func (p *Participant) Step(now time.Duration, in In) (e Effects) {
	switch in := in.(type) {
	case tx.Prepare:
		p.prepare(now, in, &e)
	case tx.Decide:
		p.decide(now, in, &e)
	case tx.Balance:
		p.balance(now, in, &e)
	case tx.Ask:
		p.asked(in, &e)
	case tx.Told:
		p.told(now, in, &e)
	case Open:
		p.open(in, &e)
	case Resolve:
		p.resolve(in, &e)
	case GatewayUp:
		p.inquireAll(now, &e)
	case DiskLow:
		p.diskLow = in.Low
	default:
		panic(fmt.Sprintf("participant: an input of type %T", in))
	}
	p.arm(&e)
	return e
}

// Wake implements [node.Core].
func (p *Participant) Wake(now time.Duration) (e Effects) {
	p.armed = 0
	if p.flushAt != 0 && p.flushAt <= now {
		p.flush(&e)
	}
	for {
		at, id, ok := p.agenda.First()
		if !ok || at > now {
			break
		}
		p.agenda.Pop()
		if d := p.doubts[id]; d != nil && d.due == at {
			p.inquire(now, d, &e)
		}
	}
	p.arm(&e)
	return e
}

// arm names the next Wake, if it is not named yet.
func (p *Participant) arm(e *Effects) {
	next := p.flushAt
	for {
		at, id, ok := p.agenda.First()
		if !ok {
			break
		}
		if d := p.doubts[id]; d == nil || d.due != at {
			p.agenda.Pop()
			continue
		}
		if next == 0 || at < next {
			next = at
		}
		break
	}
	if next != 0 && (p.armed == 0 || next < p.armed) {
		p.armed, e.Wake = max(next, 1), max(next, 1)
	}
}

// write forces a record, with all that is lazy before it.
func (p *Participant) write(record []byte, e *Effects) {
	p.flush(e)
	e.Write = append(e.Write, record)
}

// flush writes what is lazy, and acknowledges what rests on it.
func (p *Participant) flush(e *Effects) {
	e.Write = append(e.Write, p.lazy...)
	for _, ack := range p.acks {
		e.Send = append(e.Send, ToGateway{ack})
	}
	p.lazy, p.acks, p.flushAt = p.lazy[:0], p.acks[:0], 0
}

// say tells what rests on all that has happened.
func (p *Participant) say(out Out, e *Effects) {
	p.flush(e)
	e.Send = append(e.Send, out)
}

// Doubts are the transactions in doubt, in order.
func (p *Participant) Doubts() []Doubt {
	out := make([]Doubt, 0, len(p.doubts))
	for _, d := range p.inDoubt() {
		out = append(out, Doubt{d.id, p.legs(d)})
	}
	return out
}

// legs returns the legs of a doubt with names.
func (p *Participant) legs(d *doubt) (out []tx.Leg) {
	for _, l := range d.legs {
		a := &p.accounts.all[l.account]
		out = append(out, tx.Leg{Account: a.name, Delta: l.delta, Currency: a.currency, Other: l.other})
	}
	return out
}

func (p *Participant) inDoubt() []*doubt {
	out := make([]*doubt, 0, len(p.doubts))
	for _, d := range p.doubts {
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b *doubt) int { return a.id.Compare(b.id) })
	return out
}

// Accounts returns what every account has, in the order of their opening.
func (p *Participant) Accounts() []Balance {
	out := make([]Balance, 0, len(p.accounts.all))
	for i := range p.accounts.all {
		out = append(out, p.accounts.all[i].balance(0))
	}
	return out
}

// Stats say how much there is of what.
type Stats struct {
	Resolved, Damage int // by operators, and of them in contradiction to the gateway
}

// Stats returns the present ones.
func (p *Participant) Stats() Stats {
	return Stats{len(p.resolved), p.damage}
}

// State returns what the bank knows of a transaction.
func (p *Participant) State(id tx.ID) tx.State {
	switch end := p.finished.of(id); {
	case p.doubts[id] != nil:
		return tx.Prepared
	case end == committed:
		return tx.Committed
	case end == aborted || id.Below(p.finished.low):
		return tx.Aborted
	}
	return tx.None
}
