package simulator

import (
	"testing"
	"time"

	"dyno/systems/strife/core/coordinator"
	"dyno/systems/strife/core/money"
	"dyno/systems/strife/core/participant"
	"dyno/systems/strife/core/tx"
)

// cluster is a coordinator with two banks, and messages that arrive at once.
type cluster struct {
	gateway *coordinator.Coordinator
	banks   map[string]*participant.Participant
	replies []coordinator.Reply
	told    []participant.Out
	now     time.Duration
	lose    func(to string, msg any) bool

	keep                        bool
	gatewayRecords, bankRecords [][]byte // of alpha
}

func newCluster() *cluster { return newClusterOf(config()) }

func config() coordinator.Config {
	return coordinator.Config{Gateway: 1, Banks: []string{"alpha", "beta"}}
}

func newClusterOf(gateway coordinator.Config) *cluster {
	c := &cluster{
		gateway: coordinator.New(gateway),
		banks:   map[string]*participant.Participant{},
	}
	for _, name := range []string{"alpha", "beta"} {
		c.banks[name] = participant.New(participant.Config{Bank: name})
		c.banks[name].Begin(0)
		c.bank(name, participant.Open{Account: "a", Owner: "u", Currency: eur, Opening: 100_00})
		c.bank(name, participant.Open{Account: "b", Owner: "v", Currency: eur, Opening: 100_00})
	}
	c.outs(c.gateway.Begin(0))
	return c
}

// record keeps records, also those of the begin.
func (c *cluster) record(kept, more [][]byte) [][]byte {
	if c.keep || len(kept) < 10 {
		return append(kept, more...)
	}
	return kept
}

func (c *cluster) pay(in coordinator.In) { c.outs(c.gateway.Step(c.now, in)) }

func (c *cluster) outs(e coordinator.Effects) {
	c.gatewayRecords = c.record(c.gatewayRecords, e.Write)
	for _, out := range append(e.Early, e.Send...) {
		switch out := out.(type) {
		case coordinator.ToBank:
			c.deliver(out.Bank, out.Message, c.bank)
		case coordinator.Reply:
			c.replies = append(c.replies, out)
		}
	}
}

func (c *cluster) bank(name string, in participant.In) {
	c.bankOuts(name, c.banks[name].Step(c.now, in))
}

func (c *cluster) bankOuts(name string, e participant.Effects) {
	if name == "alpha" {
		c.bankRecords = c.record(c.bankRecords, e.Write)
	}
	for _, out := range append(e.Early, e.Send...) {
		switch out := out.(type) {
		case participant.ToGateway:
			c.deliver("gateway", out.Message, func(_ string, in participant.In) { c.pay(in) })
		case participant.ToBank:
			c.deliver(out.Bank, out.Message, c.bank)
		default:
			c.told = append(c.told, out)
		}
	}
}

func (c *cluster) deliver(to string, msg any, take func(to string, in participant.In)) {
	if c.lose == nil || !c.lose(to, msg) {
		take(to, msg)
	}
}

func payment(from, to string, minor int64) tx.Payment {
	return tx.Payment{
		From: tx.Account{Bank: from, Name: "a"}, To: tx.Account{Bank: to, Name: "b"}, Amount: money.Amount{Minor: minor, Currency: eur},
	}
}

func TestHappyPath(t *testing.T) {
	c := newCluster()
	for i, x := range []struct {
		key    string
		p      tx.Payment
		status coordinator.Status
		again  bool
	}{
		{"k1", payment("alpha", "beta", 30_00), coordinator.Paid, false},
		{"k1", payment("alpha", "beta", 30_00), coordinator.Paid, true},
		{"k1", payment("alpha", "beta", 31_00), coordinator.Invalid, false},
		{"k2", payment("alpha", "alpha", 70_00), coordinator.Paid, false},
		{"k3", payment("alpha", "beta", 1), coordinator.Declined, false},
		{"k3", payment("alpha", "beta", 1), coordinator.Declined, true},
	} {
		c.pay(coordinator.Pay{Request: uint64(i), User: "u", Key: x.key, Payment: x.p})
		if len(c.replies) != i+1 || c.replies[i].Receipt.Status != x.status || c.replies[i].Replayed != x.again {
			t.Fatalf("payment %d: %+v", i, c.replies[i:])
		}
	}
	c.told = nil
	c.pay(coordinator.Balance{Request: 9, Account: tx.Account{Bank: "beta", Name: "b"}})
	if got := c.told[0].(participant.Balance); got.Posted != 130_00 || got.Held != 0 {
		t.Errorf("%+v", got)
	}
	if s := c.gateway.Stats(); s.Committed != 0 || s.Preparing != 0 || s.Receipts != 3 {
		t.Errorf("%+v", s)
	}
}

func BenchmarkPayment(b *testing.B) {
	c := newCluster()
	b.ReportAllocs()
	keys := make([]string, b.N)
	for i := range keys {
		keys[i] = "0123456789abcdef-" + time.Duration(i).String()
	}
	b.ResetTimer()
	for i := range b.N {
		from, to := "alpha", "beta"
		if i%2 == 1 {
			from, to = to, from
		}
		p := payment(from, to, 1)
		if i%2 == 1 {
			p.From.Name, p.To.Name = p.To.Name, p.From.Name
		}
		c.replies, c.told = c.replies[:0], c.told[:0]
		c.pay(coordinator.Pay{Request: uint64(i), User: "u", Key: keys[i], Payment: p})
		if c.replies[0].Receipt.Status != coordinator.Paid {
			b.Fatal(c.replies[0])
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "payments/s")
}
