// Package wire puts what gateway and banks say to each other into messages, and
// the messages into batches.
package wire

import (
	"context"
	"sync"

	"dyno/internal/rpc"
	v1 "dyno/proto/strife/v1"
	"dyno/systems/strife/core/money"
	"dyno/systems/strife/core/tx"
)

// ID writes the name of a transaction.
func ID(id tx.ID) *v1.TxID { return &v1.TxID{Gateway: id.Gateway, Epoch: id.Epoch, Number: id.Number} }

// ToID reads one.
func ToID(id *v1.TxID) tx.ID {
	return tx.ID{Gateway: id.GetGateway(), Epoch: id.GetEpoch(), Number: id.GetNumber()}
}

// IDs reads several.
func IDs(all []*v1.TxID) []tx.ID {
	out := make([]tx.ID, len(all))
	for i, id := range all {
		out[i] = ToID(id)
	}
	return out
}

// Money writes an amount.
func Money(a money.Amount) *v1.Money {
	return &v1.Money{Minor: a.Minor, Currency: a.Currency.String()}
}

// ToMoney reads an amount of a known currency; field is what to blame.
func ToMoney(field string, m *v1.Money) (money.Amount, error) {
	c, err := money.ParseCurrency(m.GetCurrency())
	if err != nil {
		return money.Amount{}, rpc.InvalidField(field, "%v", err)
	}
	return money.Amount{Minor: m.GetMinor(), Currency: c}, nil
}

// Prepare writes what a bank is asked to promise.
func Prepare(p tx.Prepare) *v1.Prepare {
	out := &v1.Prepare{Tx: ID(p.Tx), Legs: make([]*v1.Leg, len(p.Legs)), Peers: p.Peers}
	for i, l := range p.Legs {
		out.Legs[i] = Leg(l)
	}
	return out
}

// Leg writes what happens to one account.
func Leg(l tx.Leg) *v1.Leg {
	return &v1.Leg{Account: l.Account, Amount: Money(money.Amount{Minor: l.Delta, Currency: l.Currency}), Other: l.Other}
}

// ToPrepare reads what a bank is asked to promise. A currency that is none stays
// so, and is for the bank to refuse.
func ToPrepare(p *v1.Prepare, low tx.ID) tx.Prepare {
	out := tx.Prepare{Tx: ToID(p.GetTx()), Legs: make([]tx.Leg, len(p.GetLegs())), Peers: p.GetPeers(), Low: low}
	for i, l := range p.GetLegs() {
		a, _ := ToMoney("amount", l.GetAmount())
		out.Legs[i] = tx.Leg{Account: l.GetAccount(), Delta: l.GetAmount().GetMinor(), Currency: a.Currency, Other: l.GetOther()}
	}
	return out
}

// Vote writes a bank's vote.
func Vote(v tx.Vote) *v1.Vote {
	return &v1.Vote{Tx: ID(v.Tx), Yes: v.Yes, Reason: v1.Reason(v.Reason)}
}

// ToVote reads the vote of a bank. A reason that is not known here is no
// business of the bank's: the payment may be tried again.
func ToVote(bank string, v *v1.Vote) tx.Vote {
	reason := tx.Reason(v.GetReason())
	if _, known := v1.Reason_name[int32(v.GetReason())]; !known || reason == tx.NoReason && !v.GetYes() {
		reason = tx.BadLegs
	}
	return tx.Vote{Bank: bank, Tx: ToID(v.GetTx()), Yes: v.GetYes(), Reason: reason}
}

// Outcome writes what is known of a transaction.
func Outcome(s tx.State) v1.Outcome {
	switch s {
	case tx.Committed:
		return v1.Outcome_OUTCOME_COMMITTED
	case tx.Aborted:
		return v1.Outcome_OUTCOME_ABORTED
	case tx.Prepared:
		return v1.Outcome_OUTCOME_PREPARED
	}
	return v1.Outcome_OUTCOME_PENDING
}

// ToState reads it.
func ToState(o v1.Outcome) tx.State {
	switch o {
	case v1.Outcome_OUTCOME_COMMITTED:
		return tx.Committed
	case v1.Outcome_OUTCOME_ABORTED:
		return tx.Aborted
	case v1.Outcome_OUTCOME_PREPARED:
		return tx.Prepared
	}
	return tx.None
}

// Pump gathers what is to travel in the next message of a stream, while the one
// before it is being sent. The zero value is ready.
type Pump[M any] struct {
	mu     sync.Mutex
	next   *M
	wake   chan struct{} // has room for one
	closed bool
}

// Put adds to the next message. After the pump has stopped it does nothing, and
// returns false.
func (p *Pump[M]) Put(add func(*M)) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	if p.next == nil {
		p.next = new(M)
		select {
		case p.signal() <- struct{}{}:
		default:
		}
	}
	add(p.next)
	return true
}

// signal is where the writer waits; mu is held.
func (p *Pump[M]) signal() chan struct{} {
	if p.wake == nil {
		p.wake = make(chan struct{}, 1)
	}
	return p.wake
}

// Run sends messages until the context ends or sending fails. One caller at a
// time.
func (p *Pump[M]) Run(ctx context.Context, send func(*M) error) error {
	p.mu.Lock()
	wake := p.signal()
	p.mu.Unlock()
	for {
		select {
		case <-wake:
		case <-ctx.Done():
			return p.stop(ctx.Err())
		}
		p.mu.Lock()
		m := p.next
		p.next = nil
		p.mu.Unlock()
		if m == nil {
			continue
		}
		if err := send(m); err != nil {
			return p.stop(err)
		}
	}
}

func (p *Pump[M]) stop(err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed, p.next = true, nil
	return err
}
