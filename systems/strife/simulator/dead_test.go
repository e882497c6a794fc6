package simulator

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"dyno/systems/strife/core/coordinator"
	"dyno/systems/strife/core/participant"
	"dyno/systems/strife/core/tx"
)

const keysLive = time.Hour

func forgetful() coordinator.Config {
	c := config()
	c.KeyTTL = keysLive
	return c
}

// mourned is a deployment in which a bank dies after its promise, and stays dead
// for three times as long as the gateway keeps keys; meanwhile the gateway is
// busy with others.
func mourned(t *testing.T, dead, living string) *cluster {
	t.Helper()
	c := newClusterOf(forgetful())
	c.keep = true
	c.lose = func(to string, m any) bool { d, ok := m.(tx.Decide); return ok && d.Commit && to == dead }
	c.pay(coordinator.Pay{Request: 1, User: "u", Key: "k", Payment: payment("alpha", "beta", 30_00)})
	if len(c.replies) != 1 || c.replies[0].Receipt.Status != coordinator.Paid {
		t.Fatalf("%+v", c.replies)
	}
	c.lose = func(to string, _ any) bool { return to == dead }
	c.pay(coordinator.BankDown{Bank: dead})
	for i := range 3000 { // more than a chunk of the gateway's table
		c.now += 3 * keysLive / 3000
		p := payment(living, living, 1)
		if i%2 == 1 { // back again
			p.From.Name, p.To.Name = p.To.Name, p.From.Name
		}
		c.pay(coordinator.Pay{Request: 2, User: "v", Key: fmt.Sprintf("%036d", i), Payment: p})
	}
	c.replies = nil
	c.pay(coordinator.Lookup{Request: 3, User: "u", Key: "k"})
	if c.replies[0].Receipt.Status != coordinator.Unknown {
		t.Fatalf("the key is remembered for ever: %+v", c.replies[0])
	}
	return c
}

// reborn has the gateway begin another life, in one of several ways.
func (c *cluster) reborn(t *testing.T, how string) {
	t.Helper()
	if how == "lived on" {
		return
	}
	again := coordinator.New(forgetful())
	var err error
	switch how {
	case "snapshot":
		err = again.Restore(1, c.gateway.Snapshot())
	default:
		for _, r := range c.gatewayRecords {
			if how == "forgot" && bytes.Contains(r, []byte("\x01k")) { // a mutant: with its key went the decision
				continue
			}
			if err = again.Recover(r); err != nil {
				break
			}
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	c.gateway, c.now = again, 0
	c.outs(again.Begin(0))
}

// comeBack has the dead bank come back; it returns what the two accounts have.
func (c *cluster) comeBack(t *testing.T, dead string) (from, to int64, doubts int) {
	t.Helper()
	c.lose = nil
	again := participant.New(participant.Config{Bank: dead})
	if err := again.Restore(1, c.banks[dead].Snapshot()); err != nil {
		t.Fatal(err)
	}
	c.banks[dead] = again
	c.now = 0
	c.bankOuts(dead, again.Begin(c.now))
	c.pay(coordinator.BankUp{Bank: dead})
	c.bank(dead, participant.GatewayUp{})
	c.told = nil
	c.bank("alpha", tx.Balance{Account: "a"})
	c.bank("beta", tx.Balance{Account: "b"})
	return c.told[0].(participant.Balance).Posted, c.told[1].(participant.Balance).Posted, len(again.Doubts())
}

// S7 and R7 of the fault matrix: a bank that is dead for longer than keys live
// still learns that it must commit, from a gateway that has lived on, and from one
// that came back from its records or from a snapshot of them: a decision outlives
// its key until all banks have acknowledged.
func TestDeadForLongerThanKeysLive(t *testing.T) {
	for dead, living := range map[string]string{"alpha": "beta", "beta": "alpha"} {
		for _, how := range []string{"lived on", "records", "snapshot", "forgot"} {
			t.Run(dead+" is dead, the gateway "+how, func(t *testing.T) {
				c := mourned(t, dead, living)
				c.reborn(t, how)
				from, to, doubts := c.comeBack(t, dead)
				if once := from == 70_00 && to == 130_00 && doubts == 0; once != (how != "forgot") {
					t.Errorf("alpha's a has %d, beta's b %d, %d in doubt", from, to, doubts)
				}
				if left := c.gateway.Stats().Committed; how != "forgot" && left != 0 {
					t.Errorf("the gateway still waits for %d acknowledgements", left)
				}
			})
		}
	}
}
