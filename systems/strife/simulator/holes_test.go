package simulator

import (
	"testing"
	"time"

	"dyno/systems/strife/core/coordinator"
	"dyno/systems/strife/core/money"
	"dyno/systems/strife/core/participant"
	"dyno/systems/strife/core/tx"
)

// Holes that were seen in other implementations: each is a story of its own here,
// beside the mutant that has it.

// statuses are those of the replies so far.
func (c *cluster) last(t *testing.T, want coordinator.Status) coordinator.Reply {
	t.Helper()
	if len(c.replies) == 0 || c.replies[len(c.replies)-1].Receipt.Status != want {
		t.Fatalf("replies %+v; want the last to be %v", c.replies, want)
	}
	return c.replies[len(c.replies)-1]
}

// balance asks a bank through the gateway.
func (c *cluster) balance(t *testing.T, account tx.Account) participant.Balance {
	t.Helper()
	c.told = nil
	c.pay(coordinator.Balance{Request: 1, Account: account})
	if len(c.told) != 1 {
		t.Fatalf("told %+v; want one balance", c.told)
	}
	return c.told[0].(participant.Balance)
}

func lost[M any](msg any) bool {
	_, ok := msg.(M)
	return ok
}

func isDecision(commit bool) func(any) bool {
	return func(msg any) bool { d, ok := msg.(tx.Decide); return ok && d.Commit == commit }
}

var ping = coordinator.Pay{Request: 1, User: "u", Key: "k", Payment: payment("alpha", "beta", 60_00)}

func TestHoleAbortAfterACommitTimeout(t *testing.T) {
	c := newCluster()
	c.lose = func(_ string, msg any) bool { return lost[tx.Ack](msg) }
	c.pay(ping)
	c.last(t, coordinator.Paid)
	for range 20 { // nobody acknowledges, for long
		c.now += 10 * time.Second
		c.outs(c.gateway.Wake(c.now))
	}
	if got := c.balance(t, ping.Payment.To); got.Posted != 160_00 {
		t.Errorf("the receiver has %+v after commits without an answer", got)
	}
	c.lose = nil
	c.now += 10 * time.Second
	c.outs(c.gateway.Wake(c.now))
	if s := c.gateway.Stats(); s.Committed != 0 {
		t.Errorf("%+v: the commit is not over", s)
	}
}

func TestHoleAPrepareTimeoutLeavesTheAccountLocked(t *testing.T) {
	c := newCluster()
	c.lose = func(to string, msg any) bool { return to == "beta" && lost[tx.Prepare](msg) }
	c.pay(ping)
	if got := c.balance(t, ping.Payment.From); got.Held != 60_00 {
		t.Fatalf("%+v while a vote is waited for", got)
	}
	c.now = 2 * time.Second
	c.outs(c.gateway.Wake(c.now))
	first := c.last(t, coordinator.Aborted)
	if got := c.balance(t, ping.Payment.From); got.Held != 0 || got.Posted != 100_00 {
		t.Errorf("%+v after the timeout", got)
	}
	c.lose = nil
	c.pay(ping) // the same key may be tried again, as another transaction
	if again := c.last(t, coordinator.Paid); again.Receipt.Tx == first.Receipt.Tx || again.Replayed {
		t.Errorf("%+v after %+v", again, first)
	}
}

// The abort is lost too: the bank asks, and is told.
func TestHoleALostAbortLeavesTheAccountLocked(t *testing.T) {
	c := newCluster()
	c.lose = func(to string, msg any) bool {
		return to == "beta" && lost[tx.Prepare](msg) || isDecision(false)(msg)
	}
	c.pay(ping)
	c.now = 2 * time.Second
	c.outs(c.gateway.Wake(c.now))
	c.lose = nil
	c.now += 10 * time.Second
	c.bankOuts("alpha", c.banks["alpha"].Wake(c.now))
	if got := c.balance(t, ping.Payment.From); got.Held != 0 || got.Posted != 100_00 {
		t.Errorf("%+v after the bank has asked", got)
	}
}

func TestHoleADuplicateCommitFails(t *testing.T) {
	c := newCluster()
	c.pay(ping)
	id := c.last(t, coordinator.Paid).Receipt.Tx
	for range 3 {
		e := c.banks["beta"].Step(c.now, tx.Decide{Tx: id, Commit: true})
		if len(e.Send) != 1 || e.Send[0] != (participant.ToGateway{Message: tx.Ack{Bank: "beta", Tx: id}}) || len(e.Write) != 0 {
			t.Errorf("a duplicate of a commit brings %+v", e)
		}
	}
	if got := c.balance(t, ping.Payment.To); got.Posted != 160_00 {
		t.Errorf("%+v after duplicates", got)
	}
}

func TestHoleARetryIsToldThatItExists(t *testing.T) {
	c := newCluster()
	c.pay(ping)
	first := c.last(t, coordinator.Paid)
	c.pay(ping)
	if again := c.last(t, coordinator.Paid); again.Receipt != first.Receipt || !again.Replayed {
		t.Errorf("a retry gets %+v, the first got %+v", again, first)
	}
}

func TestHoleKeysAreNotScopedToTheUser(t *testing.T) {
	c := newCluster()
	c.pay(ping)
	other := ping
	other.User, other.Payment = "v", payment("beta", "alpha", 1)
	c.pay(other)
	if r := c.last(t, coordinator.Paid); r.Replayed || r.Receipt.Payment != other.Payment {
		t.Errorf("another user's key gets %+v", r)
	}
	c.pay(coordinator.Lookup{Request: 1, User: "w", Key: "k"})
	c.last(t, coordinator.Unknown)
}

func TestHoleNegativeAmounts(t *testing.T) {
	c := newCluster()
	for _, minor := range []int64{0, -1, -60_00, -1 << 63, 1<<63 - 1} {
		in := ping
		in.Payment.Amount.Minor = minor
		c.pay(in)
		c.last(t, coordinator.Invalid)
	}
	for _, legs := range [][]tx.Leg{ // and the bank looks for itself
		{{Account: "a", Delta: -1 << 63, Currency: eur}},
		{{Account: "a", Delta: 0, Currency: eur}},
		{{Account: "a", Delta: -1, Currency: eur}, {Account: "b", Delta: 2, Currency: eur}},
		{{Account: "a", Delta: -1, Currency: eur}, {Account: "a", Delta: 1, Currency: eur}},
		{{Account: "a", Delta: 1<<63 - 1, Currency: eur}},
		{},
	} {
		e := c.banks["alpha"].Step(c.now, tx.Prepare{Tx: tx.ID{Gateway: 1, Epoch: 1, Number: uint64(100 + len(c.told))}, Legs: legs})
		if v := e.Early[0].(participant.ToGateway).Message.(tx.Vote); v.Yes {
			t.Errorf("%+v is promised", legs)
		}
		c.told = append(c.told, nil)
	}
}

// What is promised is in the journal, and so is the decision.
func TestHoleMemoryOnly(t *testing.T) {
	c := newCluster()
	c.keep = true
	c.lose = func(_ string, msg any) bool { return isDecision(true)(msg) }
	c.pay(ping)
	c.last(t, coordinator.Paid)
	again := participant.New(participant.Config{Bank: "alpha"})
	for _, r := range c.bankRecords {
		if err := again.Recover(r); err != nil {
			t.Fatal(err)
		}
	}
	if d := again.Doubts(); len(d) != 1 || d[0].Legs[0].Delta != -60_00 || again.Accounts()[0].Held != 60_00 {
		t.Errorf("after a restart %+v is in doubt: %+v", d, again.Accounts())
	}
	gateway := coordinator.New(coordinator.Config{Gateway: 1, Banks: []string{"alpha", "beta"}})
	for _, r := range c.gatewayRecords {
		if err := gateway.Recover(r); err != nil {
			t.Fatal(err)
		}
	}
	told := 0
	for _, out := range gateway.Begin(0).Send {
		if b, ok := out.(coordinator.ToBank); ok && isDecision(true)(b.Message) {
			told++
		}
	}
	if told != 2 {
		t.Errorf("after a restart the gateway tells %d banks of the commit, want 2", told)
	}
}

func TestAnotherPaymentUnderAKey(t *testing.T) {
	c := newCluster()
	c.lose = func(_ string, msg any) bool { return lost[tx.Prepare](msg) }
	c.pay(ping)
	other := ping
	other.Payment.Amount = money.Amount{Minor: 1, Currency: eur}
	c.pay(other) // under way
	c.last(t, coordinator.Invalid)
	second := ping
	second.Request = 2
	c.pay(second) // waits
	c.lose = nil
	c.now = 2 * time.Second
	c.outs(c.gateway.Wake(c.now))
	if n := len(c.replies); n != 3 || c.replies[1].Request != 1 || c.replies[2].Request != 2 || !c.replies[2].Replayed {
		t.Fatalf("%+v", c.replies)
	}
	c.pay(ping)
	c.last(t, coordinator.Paid)
	c.pay(other) // over
	c.last(t, coordinator.Invalid)
}

// An operator's word is written down, and is damage if the gateway's is another.
func TestResolve(t *testing.T) {
	c := newCluster()
	c.lose = func(_ string, msg any) bool { return isDecision(true)(msg) }
	c.pay(ping)
	id := c.last(t, coordinator.Paid).Receipt.Tx
	c.told = nil
	c.bank("alpha", participant.Resolve{Request: 5, Tx: id, By: "root", Why: "the gateway is gone"})
	c.bank("alpha", participant.Resolve{Request: 6, Tx: id, Commit: true})
	want := []participant.Out{
		participant.Resolved{Request: 5, State: tx.Aborted, Done: true}, participant.Resolved{Request: 6, State: tx.Aborted},
	}
	if len(c.told) != 2 || c.told[0] != want[0] || c.told[1] != want[1] {
		t.Errorf("told %+v, want %+v", c.told, want)
	}
	c.lose = nil
	c.now += 10 * time.Second
	c.outs(c.gateway.Wake(c.now))
	if s := c.banks["alpha"].Stats(); s.Damage != 1 || s.Resolved != 1 {
		t.Errorf("%+v: a word against the gateway's is damage", s)
	}
	if s := c.gateway.Stats(); s.Committed != 0 {
		t.Errorf("%+v: a damaged commit is over too", s)
	}
}

func TestDiskLow(t *testing.T) {
	c := newCluster()
	c.banks["beta"].Step(c.now, participant.DiskLow{Low: true})
	c.pay(ping)
	if r := c.last(t, coordinator.Aborted); r.Receipt.Reason != tx.Full {
		t.Errorf("a bank whose disk is full brings %+v", r)
	}
	c.banks["beta"].Step(c.now, participant.DiskLow{})
	c.pay(coordinator.DiskLow{Low: true})
	c.pay(ping)
	c.last(t, coordinator.Unavailable)
	c.pay(coordinator.DiskLow{})
	c.pay(ping)
	c.last(t, coordinator.Paid)
}

func TestAccountsRefuse(t *testing.T) {
	for name, c := range map[string]struct {
		in   participant.In
		p    func(*tx.Payment)
		want tx.Reason
	}{
		"no account":     {participant.GatewayUp{}, func(p *tx.Payment) { p.To.Name = "x" }, tx.NoAccount},
		"other currency": {participant.GatewayUp{}, func(p *tx.Payment) { p.Amount.Currency = money.Currency([]byte("JPY")) }, tx.WrongCurrency},
		"funds":          {participant.GatewayUp{}, func(p *tx.Payment) { p.Amount.Minor = 100_01 }, tx.Funds},
		"limit": {
			participant.Open{Account: "c", Currency: eur, Opening: 5, Limit: 60_04}, func(p *tx.Payment) { p.To.Name = "c" }, tx.Limit,
		},
	} {
		t.Run(name, func(t *testing.T) {
			cl := newCluster()
			cl.bank("beta", c.in)
			in := ping
			c.p(&in.Payment)
			cl.pay(in)
			if r := cl.last(t, coordinator.Declined); r.Receipt.Reason != c.want {
				t.Errorf("%+v, want %v", r, c.want)
			}
			if got := cl.balance(t, ping.Payment.From); got.Held != 0 || got.Posted != 100_00 {
				t.Errorf("%+v after a refusal", got)
			}
		})
	}
}
