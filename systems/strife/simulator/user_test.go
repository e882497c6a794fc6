package simulator

import (
	"fmt"
	"time"

	"dyno/bench/sim"
	"dyno/systems/strife/check"
	"dyno/systems/strife/core/coordinator"
	"dyno/systems/strife/core/money"
	"dyno/systems/strife/core/participant"
	"dyno/systems/strife/core/tx"
)

// user pays, one payment after the other, each under a key that it repeats until
// the end of the payment is known; and now and then it does something that it
// should not. It never dies.
type user struct {
	w    *world
	env  *sim.Env
	id   sim.ID
	name string
	own  tx.Account

	number uint64 // of the request
	first  uint64 // of the operation's requests
	op     operation
	next   int // of the key
	old    []operation
	open   map[uint64]int // requests without an answer, by their place among the calls
}

// operation is what a user is after.
type operation struct {
	kind    check.CallKind
	key     string
	payment tx.Payment
	account tx.Account
	over    bool
}

// String says it.
func (o operation) String() string { return fmt.Sprintf("operation %d of key %s", o.kind, o.key) }

// again is how long a user waits for an answer.
const again = 35 * ms

func (w *world) addUser(i int) {
	u := &user{w: w, name: fmt.Sprintf("user%d", i), open: map[uint64]int{}}
	u.own = tx.Account{Bank: bankName(i % w.shape.banks), Name: accountName(i / w.shape.banks % w.shape.accounts)}
	w.users = append(w.users, u)
	u.id = w.Add(u.name, func() sim.Node { return u })
	u.number = uint64(len(w.asking)) << 32
	w.asking = append(w.asking, u.id)
}

// Init implements [sim.Node].
func (u *user) Init(env *sim.Env) {
	u.env = env
	u.begin()
}

func (u *user) done() bool { return u.op.over }

// begin begins the next operation.
func (u *user) begin() {
	rng := u.env.Rand()
	if u.env.Now() >= loadEnd {
		u.op.over = true
		return
	}
	u.op = operation{kind: check.CallPay}
	switch dice := rng.IntN(20); {
	case dice < 4:
		u.op = operation{kind: check.CallBalance, account: u.own}
		if dice == 0 {
			u.op.account = u.anyAccount()
		}
	case dice < 6 && len(u.old) > 0: // an old key, again or of another payment
		u.op = u.old[rng.IntN(len(u.old))]
		if dice == 4 {
			u.op.payment.Amount.Minor++
		}
	case dice == 6: // another user's key, which is another key
		u.op.key, u.op.payment = "user0-1", u.payment()
	case dice == 7: // a key that was never used, or is just being used
		u.op.kind = check.CallCancel
		u.op.key = fmt.Sprintf("%s-%d", u.name, u.next+rng.IntN(2))
	default:
		u.next++
		u.op.key, u.op.payment = fmt.Sprintf("%s-%d", u.name, u.next), u.payment()
	}
	u.op.over = false
	u.first = u.number + 1
	u.ask(u.op.kind)
	if u.op.kind == check.CallPay && rng.IntN(6) == 0 { // twice at once
		u.ask(check.CallPay)
	}
}

func (u *user) anyAccount() tx.Account {
	rng := u.env.Rand()
	return tx.Account{Bank: bankName(rng.IntN(u.w.shape.banks)), Name: accountName(rng.IntN(u.w.shape.accounts))}
}

func (u *user) payment() tx.Payment {
	rng := u.env.Rand()
	p := tx.Payment{From: u.own, To: u.anyAccount(), Amount: money.Amount{Minor: 1 + rng.Int64N(60), Currency: eur}}
	switch rng.IntN(25) {
	case 0:
		p.To.Name = "nobody"
	case 1:
		p.Amount.Minor = -p.Amount.Minor
	}
	return p
}

// ask sends a request of the operation.
func (u *user) ask(kind check.CallKind) {
	u.number++
	var in coordinator.In
	switch kind {
	case check.CallPay:
		in = coordinator.Pay{Request: u.number, User: u.name, Key: u.op.key, Payment: u.op.payment}
	case check.CallCancel:
		in = coordinator.Cancel{Request: u.number, User: u.name, Key: u.op.key}
	case check.CallLookup:
		in = coordinator.Lookup{Request: u.number, User: u.name, Key: u.op.key}
	case check.CallBalance:
		in = coordinator.Balance{Request: u.number, Account: u.op.account}
	}
	u.open[u.number] = len(u.w.calls)
	u.w.calls = append(u.w.calls, check.Call{
		Kind: kind, User: u.name, Key: u.op.key, Payment: u.op.payment, Account: u.op.account, Begin: u.env.Now(), End: check.Never,
	})
	u.env.Send(u.w.ids["gateway"], in)
	u.env.SetTimer(again, u.number)
}

// Timer implements [sim.Node]: there was no answer.
func (u *user) Timer(tag uint64) {
	if tag == 0 {
		u.begin()
		return
	}
	if tag != u.number || u.op.over {
		return
	}
	kind := u.op.kind
	if kind == check.CallPay {
		switch u.env.Rand().IntN(12) {
		case 0:
			kind = check.CallCancel
		case 1:
			kind = check.CallLookup
		}
	}
	u.ask(kind)
}

// Receive implements [sim.Node].
func (u *user) Receive(_ sim.ID, msg any) {
	var request uint64
	over := false
	switch m := msg.(type) {
	case coordinator.Reply:
		request = m.Request
		s := m.Receipt.Status
		over = s.Final() || s == coordinator.Invalid
		if call := u.answered(request); call != nil {
			call.Receipt, call.Replayed = m.Receipt, m.Replayed
			u.w.Sometimes("an answer is replayed", m.Replayed)
			u.w.Sometimes("a payment is "+s.String(), true)
		}
	case participant.Balance:
		request, over = m.Request, true
		if call := u.answered(request); call != nil {
			call.Posted = m.Posted
		}
	}
	if !over || request < u.first || u.op.over {
		return
	}
	if u.op.kind == check.CallPay {
		u.old = append(u.old, u.op)
	}
	u.op.over = true
	u.env.SetTimer(time.Duration(u.env.Rand().IntN(8))*ms, 0)
}

// answered notes the end of a call; nil if it has ended before.
func (u *user) answered(request uint64) *check.Call {
	i, ok := u.open[request]
	if !ok {
		return nil
	}
	delete(u.open, request)
	u.w.calls[i].End = u.env.Now()
	return &u.w.calls[i]
}
