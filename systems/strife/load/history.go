package load

import (
	"context"
	"fmt"
	"time"

	"dyno/internal/splitmix"
	strifev1 "dyno/proto/strife/v1"
	"dyno/systems/strife/check"
	"dyno/systems/strife/core/coordinator"
	"dyno/systems/strife/core/money"
	"dyno/systems/strife/core/tx"
	"dyno/systems/strife/security"
)

// currency of all accounts in a trial.
var currency = money.Currency{'E', 'U', 'R'}

// receipt reads what the gateway says of a payment.
func receipt(p *strifev1.Payment) (r coordinator.Receipt, err error) {
	r.Key = p.GetKey()
	switch p.GetStatus() {
	case strifev1.PaymentStatus_PAYMENT_STATUS_PAID:
		r.Status = coordinator.Paid
	case strifev1.PaymentStatus_PAYMENT_STATUS_DECLINED:
		r.Status = coordinator.Declined
	case strifev1.PaymentStatus_PAYMENT_STATUS_CANCELLED:
		r.Status = coordinator.Cancelled
	}
	for why := tx.NoReason; why.String() != "unknown reason"; why++ {
		if why.String() == p.GetReason() {
			r.Reason = why
			break // numbers that are not in use have no words, as no reason has none
		}
	}
	if p.GetId() != "" {
		if _, err := fmt.Sscanf(p.GetId(), "%d.%d.%d", &r.Tx.Gateway, &r.Tx.Epoch, &r.Tx.Number); err != nil {
			return r, fmt.Errorf("payment %q: %w", p.GetId(), err)
		}
	}
	if p.GetAmount().GetMinor() != 0 {
		c, err := money.ParseCurrency(p.GetAmount().GetCurrency())
		if err != nil {
			return r, err
		}
		r.Payment = tx.Payment{
			From: account(p.GetFrom()), To: account(p.GetTo()), Amount: money.Amount{Minor: p.GetAmount().GetMinor(), Currency: c},
		}
	}
	return r, nil
}

func account(a *strifev1.Account) tx.Account {
	return tx.Account{Bank: a.GetBank(), Name: a.GetNumber()}
}

// look asks how a payment stands: an error says that it was declined, and not all
// that is stored.
func (c *crowd) look(ctx context.Context, p *person, key string) {
	call := check.Call{Kind: check.CallLookup, User: p.name, Key: key, Begin: c.now(), End: check.Never}
	resp, err := p.client.GetPayment(ctx, &strifev1.GetPaymentRequest{Key: key})
	if err == nil {
		if call.Receipt, err = receipt(resp.GetPayment()); err == nil {
			call.End = c.now()
		}
	}
	c.note(call)
}

// readEvery is the time between two questions for a balance, all users together.
const readEvery = 20 * time.Millisecond

// read asks for one balance after the other until the context ends.
func (c *crowd) read(ctx context.Context) {
	tick := time.NewTicker(readEvery)
	defer tick.Stop()
	for i := 0; ctx.Err() == nil; i++ {
		p := c.people[i%len(c.people)]
		call := check.Call{Kind: check.CallBalance, User: p.name, Account: p.account, Begin: c.now(), End: check.Never}
		asking, cancel := context.WithTimeout(security.WithToken(ctx, p.token), c.opt.Attempt)
		b, err := p.client.GetBalance(asking, &strifev1.GetBalanceRequest{})
		cancel()
		if err == nil {
			call.End, call.Posted = c.now(), b.GetBalance().GetMinor()
			c.note(call)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// dice is chance from a seed for one payment of one user, whatever others do.
type dice uint64

func newDice(seed, user, n uint64) *dice {
	d := dice(splitmix.Mix(splitmix.Mix(seed^splitmix.Mix(user)) ^ n))
	return &d
}

func (d *dice) next() uint64 {
	*d += dice(splitmix.Step)
	return splitmix.Mix(uint64(*d))
}

func (d *dice) below(n uint64) uint64 { return d.next() % n }

func (d *dice) share() float64 { return float64(d.next()>>11) / (1 << 53) }
