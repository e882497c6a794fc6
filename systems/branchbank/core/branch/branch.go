package branch

import (
	"encoding/binary"
	"fmt"
	"time"

	"dyno/internal/node"
	"dyno/internal/replica"
)

const (
	// settleEvery is how many own writes become settled before that is noted.
	settleEvery = 1024
	// Under Stream one message at a time is under way to each branch, and holds all
	// that gathered while the one before was answered, up to streamBatch writes.
	streamBatch    = 1024
	streamMessages = 1
)

// Branch is the core. It belongs to its host.
type Branch struct {
	cfg      Config
	rep      *replica.Replica[Body]
	balance  wide // replicated
	external wide
	rights   map[ID]wide // under Escrow; they sum up to balance
	requests requests
	waiting  []waiter // under Sync, by Seq
	escrow   escrow
	known    bool // the journal says what the group is
	settled  uint64
	counts   Counts

	now time.Duration
	out node.Effects[Output]
}

// waiter is a customer who waits until a write is everywhere.
type waiter struct {
	seq  uint64
	call uint64
}

// Counts is what a branch has counted in this life.
type Counts struct {
	Deposits, Withdrawals uint64 // accepted here
	Declined              uint64
	Negative              uint64 // writes after which the balance here was below 0
	Asked, Given          uint64 // under Escrow: requests for rights that were made, and gifts
	Local                 uint64 // under Escrow: withdrawals that needed nobody else's rights
	Messages              uint64 // pushes to other branches
	Pushed                uint64 // writes in them
}

// New makes a branch of a group.
func New(cfg Config) *Branch {
	if cfg.Retry == 0 {
		cfg.Retry = 200 * time.Millisecond
	}
	if cfg.Patience == 0 {
		cfg.Patience = time.Second
	}
	r := replica.Config{Self: cfg.Self, Peers: cfg.Peers, Retry: cfg.Retry, RetryMax: 2 * cfg.Retry, Flaw: replica.Flaw(cfg.Flaw)}
	if cfg.Mode == Stream {
		r.Batch, r.Messages, r.Gather = streamBatch, streamMessages, cfg.Gather
	}
	b := &Branch{cfg: cfg, rep: replica.New[Body](r), balance: wide{}.add(cfg.Balance), requests: newRequests(mostRequests)}
	if cfg.Funds == Escrow {
		b.rights = shares(cfg.Balance, b.rep.Members())
		b.escrow.init()
	}
	return b
}

// Recover implements [node.Core].
func (b *Branch) Recover(record []byte) error {
	r, err := ParseRecord(record)
	if err != nil {
		return err
	}
	switch {
	case r.Write != nil:
		if b.cfg.Flaw == Amnesia && r.Write.Origin != b.cfg.Self {
			return nil
		}
		if err := b.rep.Recover(*r.Write); err != nil {
			return err
		}
		b.apply(*r.Write)
	case r.Refused != nil:
		b.requests.note(*r.Refused, 0)
	case r.External != 0:
		b.external = b.external.add(r.External)
	case r.Settled != 0:
		b.rep.Settle(r.Settled)
		b.settled = r.Settled
	default:
		if want := b.cfg.group(b.rep.Members()); r.Group != want {
			return fmt.Errorf("the journal is of %s, not of %s", r.Group, want)
		}
		b.known = true
	}
	return nil
}

// Begin implements [node.Core].
func (b *Branch) Begin(now time.Duration) node.Effects[Output] {
	b.now = now
	if !b.known {
		b.write(append([]byte{recordGroup}, b.cfg.group(b.rep.Members())...))
	}
	b.counts = Counts{}
	b.rep.Begin(now)
	return b.flush()
}

// Step implements [node.Core].
func (b *Branch) Step(now time.Duration, in Input) node.Effects[Output] {
	b.now = now
	switch in := in.(type) {
	case Ask:
		b.ask(in)
	case Message:
		b.hear(in)
	case Reach:
		b.rep.Reach(now, ID(in))
	}
	return b.flush()
}

// Wake implements [node.Core].
func (b *Branch) Wake(now time.Duration) node.Effects[Output] {
	b.now = now
	return b.flush()
}

// hear takes in what another branch says.
func (b *Branch) hear(m Message) {
	if b.rights != nil && b.rep.Known(m.From) {
		switch {
		case m.Want > 0:
			b.give(m.From, m.Want)
		case m.Deny:
			b.escrow.denied(m.From)
		}
	}
	applied, err := b.rep.Receive(b.now, m.Message)
	if err != nil {
		b.out.Early = append(b.out.Early, Fatal{err})
	}
	for _, w := range applied {
		b.write(appendWrite(w))
		b.apply(w)
	}
}

// local makes a write of this branch's own.
func (b *Branch) local(body Body) (replica.Write[Body], error) {
	w, err := b.rep.Local(body, b.escrow.deps)
	if err != nil {
		return w, err
	}
	b.escrow.deps = nil
	b.write(appendWrite(w))
	b.apply(w)
	return w, nil
}

// apply changes the balance, and the rights to it, by a write.
func (b *Branch) apply(w replica.Write[Body]) {
	amount := w.Body.Amount
	switch w.Body.Kind {
	case Deposit:
		b.balance = b.balance.add(amount)
		b.entitle(w.Origin, amount)
	case Withdraw:
		b.balance = b.balance.add(-amount)
		b.entitle(w.Origin, -amount)
	case Give:
		if b.cfg.Flaw != GivesTwice {
			b.entitle(w.Origin, -amount)
		}
		b.entitle(w.Body.To, amount)
		if w.Body.To == b.cfg.Self {
			b.escrow.given(w)
		}
	}
	if b.balance.negative() {
		b.counts.Negative++
	}
	if w.Origin == b.cfg.Self && w.Body.Request != "" {
		b.requests.note(w.Body, w.Seq)
	}
}

func (b *Branch) entitle(id ID, amount int64) {
	if b.rights != nil {
		b.rights[id] = b.rights[id].add(amount)
	}
}

func (b *Branch) write(record []byte) { b.out.Write = append(b.out.Write, record) }

func (b *Branch) send(out Output) { b.out.Send = append(b.out.Send, out) }

// flush gathers what a step has led to.
func (b *Branch) flush() node.Effects[Output] {
	b.pursue()
	b.release()
	if all := b.rep.Everywhere(); all >= b.settled+settleEvery {
		b.settled = all
		b.write(binary.AppendUvarint([]byte{recordSettled}, all))
	}
	messages, wake := b.rep.Outgoing(b.now)
	for _, m := range messages {
		if m.Kind == replica.Push {
			b.counts.Messages++
			b.counts.Pushed += uint64(len(m.Writes))
		}
		b.send(Message{Message: m})
	}
	e := b.out
	b.out = node.Effects[Output]{}
	e.Wake = wake
	if at := b.escrow.wake(); at != 0 && (wake == 0 || at < wake) {
		e.Wake = at
	}
	return e
}

// release answers those whose writes are everywhere by now.
func (b *Branch) release() {
	if len(b.waiting) == 0 {
		return
	}
	all, n := b.rep.Everywhere(), 0
	for n < len(b.waiting) && b.waiting[n].seq <= all {
		b.done(b.waiting[n].call)
		n++
	}
	b.waiting = b.waiting[n:]
}
