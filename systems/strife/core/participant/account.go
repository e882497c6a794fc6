package participant

import (
	"time"

	"dyno/systems/strife/core/money"
	"dyno/systems/strife/core/tx"
)

// defaultLimit bounds what an account holds if nobody says otherwise.
const defaultLimit = 1 << 60

// account is an account of the bank. 0 <= held <= posted <= limit - incoming.
type account struct {
	name, owner string
	currency    money.Currency
	opening     int64
	posted      int64
	held        int64 // promised to others
	incoming    int64 // promised to it
	limit       int64
}

// leg is a leg of this bank, by the number of its account.
type leg struct {
	account int
	delta   int64
	other   string
}

// accounts are all accounts, in the order of their opening.
type accounts struct {
	all   []account
	index map[string]int
}

func (a *accounts) get(name string) *account {
	if i, ok := a.index[name]; ok {
		return &a.all[i]
	}
	return nil
}

func (a *accounts) add(new account) {
	a.index[new.name] = len(a.all)
	a.all = append(a.all, new)
}

// check says what keeps legs from being promised; with no reason it adds them by
// numbers to out.
func (a *accounts) check(out []leg, in []tx.Leg) ([]leg, tx.Reason) {
	if len(in) == 0 || len(in) > 2 || len(in) == 2 && (in[0].Account == in[1].Account || in[0].Delta != -in[1].Delta) {
		return nil, tx.BadLegs
	}
	for _, l := range in {
		i, ok := a.index[l.Account]
		if !ok {
			return nil, tx.NoAccount
		}
		if r := a.all[i].check(l); r != tx.NoReason {
			return nil, r
		}
		out = append(out, leg{i, l.Delta, l.Other})
	}
	return out, tx.NoReason
}

func (a *account) check(l tx.Leg) tx.Reason {
	switch {
	case l.Delta == 0 || l.Delta == -l.Delta: // the least number has no opposite
		return tx.BadLegs
	case a.currency != l.Currency:
		return tx.WrongCurrency
	}
	return a.room(l.Delta)
}

// room says what keeps an amount from being promised.
func (a *account) room(delta int64) tx.Reason {
	switch {
	case delta < 0 && a.posted-a.held < -delta || delta == -delta:
		return tx.Funds
	case delta > 0 && delta > a.limit-a.incoming-a.posted:
		return tx.Limit
	}
	return tx.NoReason
}

// hold keeps room for a leg; with sign -1 it lets go.
func (a *accounts) hold(l leg, sign int64) {
	x := &a.all[l.account]
	if l.delta < 0 {
		x.held -= sign * l.delta
	} else {
		x.incoming += sign * l.delta
	}
}

// post carries out a leg whose room was held.
func (a *accounts) post(l leg) {
	a.hold(l, -1)
	a.all[l.account].posted += l.delta
}

// maxName bounds names, in bytes.
const maxName = 64

// balance answers with what is posted, once all that it must reflect is.
func (p *Participant) balance(now time.Duration, in tx.Balance, e *Effects) {
	for _, id := range in.After {
		if p.doubts[id] != nil {
			p.commit(now, id, e)
		}
	}
	out := Balance{Request: in.Request, Account: in.Account}
	if a := p.accounts.get(in.Account); a != nil {
		out = a.balance(in.Request)
	}
	p.say(out, e)
}

func (a *account) balance(request uint64) Balance {
	return Balance{request, a.name, true, a.owner, a.currency, a.opening, a.posted, a.held}
}

// open opens an account.
func (p *Participant) open(in Open, e *Effects) {
	out := Opened{Request: in.Request}
	if in.Limit == 0 {
		in.Limit = defaultLimit
	}
	a := p.accounts.get(in.Account)
	switch {
	case a != nil:
		out.Same = a.owner == in.Owner && a.currency == in.Currency
	case in.Account == "" || len(in.Account) > maxName || len(in.Owner) > maxName:
		out.Reason = tx.BadName
	case !in.Currency.Known():
		out.Reason = tx.WrongCurrency
	case in.Opening < 0 || in.Limit < in.Opening || in.Limit > defaultLimit:
		out.Reason = tx.BadAmount
	case p.diskLow:
		out.Reason = tx.Full
	default:
		out.Same = true
		new := account{
			name: in.Account, owner: in.Owner, currency: in.Currency, opening: in.Opening, posted: in.Opening, limit: in.Limit,
		}
		p.accounts.add(new)
		p.write(openedRecord(&new), e)
	}
	p.say(out, e)
}

// resolve decides by an operator's word.
func (p *Participant) resolve(in Resolve, e *Effects) {
	out := Resolved{Request: in.Request, State: tx.None}
	if d := p.doubts[in.Tx]; d != nil {
		out.Done = true
		p.settle(d, in.Commit)
		p.write(resolvedRecord(in), e)
	}
	switch p.finished.of(in.Tx) {
	case committed:
		out.State = tx.Committed
	case aborted:
		out.State = tx.Aborted
	}
	p.say(out, e)
}

// settle carries out an operator's word.
func (p *Participant) settle(d *doubt, commit bool) {
	p.resolved[d.id] = commit
	if commit {
		p.post(d)
	} else {
		p.release(d)
	}
}
