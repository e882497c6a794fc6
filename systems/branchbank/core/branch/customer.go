package branch

import (
	"cmp"
	"fmt"
	"slices"
)

// ask takes in what a customer wants.
func (b *Branch) ask(a Ask) {
	switch {
	case a.Kind == Query:
		b.done(a.Call)
	case a.External:
		b.outside(a)
	case b.repeated(a):
	case a.Kind == Deposit:
		b.deposit(a)
	case b.rights == nil:
		b.withdraw(a)
	default:
		b.withdrawRights(a)
	}
}

// shown is the balance that customers see.
func (b *Branch) shown() wide { return b.balance.plus(b.external) }

// done answers that it happened, and with what balance.
func (b *Branch) done(call uint64) {
	balance, fits := b.shown().int64()
	if !fits {
		b.refuse(call, Range, "the balance is out of the range of int64")
		return
	}
	a := Answer{Call: call, Status: Done, Balance: balance}
	if b.cfg.Flaw == Early {
		b.out.Early = append(b.out.Early, a)
		return
	}
	b.send(a)
}

func (b *Branch) refuse(call uint64, s Status, reason string) {
	b.send(Answer{Call: call, Status: s, Reason: reason, Balance: b.shown().clip()})
}

// decline refuses a withdrawal for good: an attempt at it that comes late must not
// be taken for another one.
func (b *Branch) decline(amount int64, request, reason string, calls ...uint64) {
	b.counts.Declined++
	if body := (Body{Kind: Withdraw, Amount: amount, Request: request}); request != "" && b.cfg.Flaw != Forgives {
		b.requests.note(body, 0)
		b.write(appendBody([]byte{recordRefused}, body))
	}
	for _, call := range calls {
		b.refuse(call, Declined, reason)
	}
}

// repeated answers a request that was applied before.
func (b *Branch) repeated(a Ask) bool {
	if a.Request == "" || b.cfg.Flaw == Repeats {
		return false
	}
	before, ok := b.requests.find(a.Request)
	switch {
	case !ok:
		return b.escrow.join(a)
	case before.kind != a.Kind || before.amount != a.Amount:
		b.refuse(a.Call, Clash, fmt.Sprintf("request %q was another operation", a.Request))
	case before.seq == 0:
		b.refuse(a.Call, Declined, "it was declined before")
	default:
		b.answerOnce(a.Call, before.seq)
	}
	return true
}

func (b *Branch) deposit(a Ask) {
	if _, fits := b.shown().add(a.Amount).int64(); !fits {
		b.refuse(a.Call, Range, "the balance would leave the range of int64")
		return
	}
	if b.accept(Body{Kind: Deposit, Amount: a.Amount, Request: a.Request}, a.Call) {
		b.counts.Deposits++
	}
}

// withdraw is the course's rule: what this replica shows must suffice.
func (b *Branch) withdraw(a Ask) {
	if !b.shown().covers(a.Amount) {
		b.decline(a.Amount, a.Request, fmt.Sprintf("the balance of %d does not cover %d", b.shown().clip(), a.Amount), a.Call)
		return
	}
	b.pay(a.Amount, a.Request, a.Call)
}

// pay makes a withdrawal that is permitted.
func (b *Branch) pay(amount int64, request string, calls ...uint64) {
	if b.accept(Body{Kind: Withdraw, Amount: amount, Request: request}, calls...) {
		b.counts.Withdrawals++
	}
}

// accept makes a customer's write and answers when it may.
func (b *Branch) accept(body Body, calls ...uint64) bool {
	w, err := b.local(body)
	for _, call := range calls {
		if err != nil {
			b.refuse(call, Full, err.Error())
			continue
		}
		b.answerOnce(call, w.Seq)
	}
	return err == nil
}

// answerOnce answers when a write is where it must be by the mode.
func (b *Branch) answerOnce(call, seq uint64) {
	if b.cfg.Mode != Sync || b.cfg.Flaw == HastySync || seq <= b.rep.Everywhere() {
		b.done(call)
		return
	}
	w := waiter{seq: seq, call: call}
	at, _ := slices.BinarySearchFunc(b.waiting, seq+1, func(w waiter, seq uint64) int { return cmp.Compare(w.seq, seq) })
	b.waiting = slices.Insert(b.waiting, at, w)
}

// outside applies a term that no branch's write accounts for. Under Escrow it
// gives no rights, so together they may not take away what rights stand for.
func (b *Branch) outside(a Ask) {
	amount := a.Amount
	if a.Kind == Withdraw {
		amount = -amount
	}
	_, fits := b.shown().add(amount).int64()
	switch {
	case !fits:
		b.refuse(a.Call, Range, "the balance would leave the range of int64")
		return
	case b.rights != nil && b.external.add(amount).negative():
		b.refuse(a.Call, Declined, "under escrow a withdrawal of no branch's needs deposits of the same kind: there are rights to all else")
		return
	}
	b.external = b.external.add(amount)
	b.write(appendExternal(amount))
	b.done(a.Call)
}

// request is an operation that was applied under a name.
type request struct {
	kind   Kind
	amount int64
	seq    uint64 // 0: it was declined
}

// requests remembers the latest of them.
type requests struct {
	byName map[string]request
	names  []string // a ring, once it is full
	next   int
	most   int
}

// mostRequests is how many a branch remembers.
const mostRequests = 1 << 16

func newRequests(most int) requests {
	return requests{byName: make(map[string]request), most: most}
}

func (r *requests) find(name string) (request, bool) {
	found, ok := r.byName[name]
	return found, ok
}

func (r *requests) note(body Body, seq uint64) {
	if _, known := r.byName[body.Request]; !known {
		if len(r.names) < r.most {
			r.names = append(r.names, body.Request)
		} else {
			delete(r.byName, r.names[r.next])
			r.names[r.next] = body.Request
			r.next = (r.next + 1) % r.most
		}
	}
	r.byName[body.Request] = request{body.Kind, body.Amount, seq}
}
