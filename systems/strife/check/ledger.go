package check

import (
	"fmt"
	"slices"
	"time"

	"dyno/systems/strife/core/participant"
	"dyno/systems/strife/core/tx"
)

// ledger is a bank's journal, added up once more, by arithmetic of its own.
type ledger struct {
	*Bank
	balances map[string]*balance
	opening  map[string]int64 // by currency
	promised map[tx.ID]*promise
	wrong    []string // that break solvency or the order of a journal
	twice    []string
	refused  map[tx.ID]bool
	postings int
}

// promise is a transaction at a bank.
type promise struct {
	legs     []tx.Leg
	prepared time.Duration
	end      participant.Kind // 0: in doubt
	ended    time.Duration
	commit   bool
}

// balance is an account and how it came to be so.
type balance struct {
	currency     string
	posted, held int64
	history      []int64 // the balance after each posting, the first is the opening
	by           []tx.ID // the posting, of the first none
	based        bool    // the first is that of a snapshot: there may have been others before
}

func newLedger(b *Bank) *ledger {
	l := &ledger{
		Bank: b, balances: map[string]*balance{}, opening: map[string]int64{}, promised: map[tx.ID]*promise{},
		refused: map[tx.ID]bool{},
	}
	for _, a := range b.Base {
		l.open(a, a.Posted)
		l.balances[a.Account].based = true
	}
	for _, d := range b.Promised {
		l.promise(d.Tx, d.Legs, 0)
	}
	for i := range b.Events {
		l.take(&b.Events[i])
	}
	return l
}

func (l *ledger) open(a participant.Balance, posted int64) {
	l.opening[a.Currency.String()] += a.Opening
	l.balances[a.Account] = &balance{currency: a.Currency.String(), posted: posted, history: []int64{posted}, by: []tx.ID{{}}}
}

func (l *ledger) take(e *BankEvent) {
	switch e.Kind {
	case participant.AccountOpened:
		l.open(e.Account, e.Account.Opening)
	case participant.LegsPrepared:
		l.promise(e.Tx, e.Legs, e.At)
	case participant.TxRefused:
		l.refused[e.Tx] = true
		if p := l.promised[e.Tx]; p != nil {
			l.wrong = append(l.wrong, fmt.Sprintf("bank %s refuses %v, which it has promised", l.Name, e.Tx))
		}
	case participant.TxCommitted, participant.TxAborted, participant.TxResolved:
		l.end(e)
	}
}

func (l *ledger) promise(id tx.ID, legs []tx.Leg, at time.Duration) {
	if l.promised[id] != nil {
		l.twice = append(l.twice, fmt.Sprintf("bank %s promises %v twice", l.Name, id))
	}
	if l.refused[id] {
		l.wrong = append(l.wrong, fmt.Sprintf("bank %s promises %v, which it has refused", l.Name, id))
	}
	l.promised[id] = &promise{legs: legs, prepared: at}
	for _, leg := range legs {
		b := l.balances[leg.Account]
		if b == nil || b.currency != leg.Currency.String() {
			l.wrong = append(l.wrong, fmt.Sprintf("bank %s promises %+v, and has no such account", l.Name, leg))
			continue
		}
		if leg.Delta < 0 {
			b.held -= leg.Delta
		}
		l.solvent(leg.Account, b, id)
	}
}

func (l *ledger) solvent(name string, b *balance, id tx.ID) {
	if b.held < 0 || b.held > b.posted {
		l.wrong = append(l.wrong, fmt.Sprintf("bank %s, account %s: %d posted, %d held, at %v", l.Name, name, b.posted, b.held, id))
	}
}

// end ends a promise.
func (l *ledger) end(e *BankEvent) {
	p := l.promised[e.Tx]
	if p == nil || p.end != 0 {
		if p == nil || p.commit || e.Commit { // the record of an abort may be lost and come again
			l.twice = append(l.twice, fmt.Sprintf("bank %s ends %v, which is over or was never promised", l.Name, e.Tx))
		}
		return
	}
	p.end, p.ended, p.commit = e.Kind, e.At, e.Commit
	for _, leg := range p.legs {
		b := l.balances[leg.Account]
		if b == nil {
			continue
		}
		if leg.Delta < 0 {
			b.held += leg.Delta
		}
		if e.Commit {
			b.posted += leg.Delta
			b.history, b.by = append(b.history, b.posted), append(b.by, e.Tx)
			l.postings++
		}
		l.solvent(leg.Account, b, e.Tx)
	}
}

// applied reports whether a transaction is carried out here.
func (l *ledger) applied(id tx.ID) bool {
	p := l.promised[id]
	return p != nil && p.commit
}

// inDoubt reports whether it is promised, and no more.
func (l *ledger) inDoubt(id tx.ID) bool {
	p := l.promised[id]
	return p != nil && p.end == 0
}

// has reports whether a transaction's legs here are those of a payment.
func (l *ledger) has(id tx.ID, payment tx.Payment) bool {
	p := l.promised[id]
	if p == nil {
		return false
	}
	var want []tx.Leg
	leg := func(of, other tx.Account, delta int64) {
		if of.Bank == l.Name {
			want = append(want, tx.Leg{Account: of.Name, Delta: delta, Currency: payment.Amount.Currency, Other: other.String()})
		}
	}
	leg(payment.From, payment.To, -payment.Amount.Minor)
	leg(payment.To, payment.From, payment.Amount.Minor)
	return slices.Equal(p.legs, want)
}
