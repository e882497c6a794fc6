package participant

import (
	"time"

	"dyno/systems/strife/core/tx"
)

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
	return Balance{request, a.name, true, a.owner, a.currency, a.opening, a.posted, a.held, a.closed}
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
		out.New, out.Same = true, true
		new := account{
			name: in.Account, owner: in.Owner, currency: in.Currency, opening: in.Opening, posted: in.Opening, limit: in.Limit,
		}
		p.accounts.add(new)
		p.write(openedRecord(&new), e)
	}
	p.say(out, e)
}

// close closes an account, or opens it again.
func (p *Participant) close(in Close, e *Effects) {
	a := p.accounts.get(in.Account)
	if a != nil && a.closed != in.Closed {
		a.closed = in.Closed
		p.write(closedRecord(p.accounts.index[in.Account], in.Closed), e)
	}
	p.say(Closed{in.Request, a != nil}, e)
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
