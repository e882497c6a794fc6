package branch_test

import (
	"testing"
	"time"

	"dyno/internal/node"
	"dyno/internal/replica"
	"dyno/systems/branchbank/core/branch"
)

// group is branches without a network: what they send is handed over at once.
type group map[branch.ID]*branch.Branch

func newGroup(n int, mode branch.Mode, funds branch.Funds, balance int64) group {
	g := make(group)
	for i := range n {
		cfg := branch.Config{Self: branch.ID(i + 1), Balance: balance, Mode: mode, Funds: funds}
		for j := range n {
			if j != i {
				cfg.Peers = append(cfg.Peers, branch.ID(j+1))
			}
		}
		g[cfg.Self] = branch.New(cfg)
		g[cfg.Self].Begin(0)
	}
	return g
}

// ask has a branch asked, and hands over messages in rounds until nothing is sent
// any more. It returns the answer, the round after which it came, and how many
// messages held writes.
func (g group) ask(t *testing.T, id branch.ID, a branch.Ask) (answer branch.Answer, rounds, pushes int) {
	t.Helper()
	round := 0
	var next []branch.Message
	take := func(e node.Effects[branch.Output]) {
		for _, out := range e.Send {
			switch out := out.(type) {
			case branch.Answer:
				answer, rounds = out, round
			case branch.Message:
				if out.Kind == replica.Push {
					pushes++
				}
				next = append(next, out)
			}
		}
	}
	now := time.Millisecond
	take(g[id].Step(now, a))
	for ; len(next) > 0; round++ {
		messages := next
		next = nil
		for _, m := range messages {
			take(g[m.To].Step(now, m))
		}
	}
	return answer, rounds, pushes
}

// A write to n branches is n − 1 messages, and under sync it is answered after one
// round trip: there (the messages of round 0) and back (those of round 1).
func TestOneRoundTrip(t *testing.T) {
	for n := 2; n <= 32; n++ {
		for mode, want := range map[branch.Mode]int{branch.Sync: 1, branch.Async: 0, branch.Stream: 0} {
			g := newGroup(n, mode, branch.Optimistic, 0)
			a, rounds, pushes := g.ask(t, 1, branch.Ask{Call: 1, Kind: branch.Deposit, Amount: 5})
			if a.Status != branch.Done || a.Balance != 5 || rounds != want || pushes != n-1 {
				t.Errorf("%d branches, %s: %+v after %d rounds and %d messages", n, mode, a, rounds, pushes)
			}
			for id, b := range g {
				if v := b.View(); v.Balance != 5 {
					t.Errorf("%d branches, %s: branch %d has %d", n, mode, id, v.Balance)
				}
			}
		}
	}
}

// Under escrow a branch pays out by its own rights what it can, asks others for
// more, and never pays what the account does not cover.
func TestEscrow(t *testing.T) {
	g := newGroup(4, branch.Async, branch.Escrow, 40)
	withdraw := func(amount int64, want branch.Status) (pushes int) {
		t.Helper()
		a, _, pushes := g.ask(t, 2, branch.Ask{Call: 1, Kind: branch.Withdraw, Amount: amount})
		if a.Status != want {
			t.Errorf("a withdrawal of %d: %+v", amount, a)
		}
		for _, b := range g {
			if err := b.Unbalanced(); err != nil {
				t.Error(err)
			}
		}
		return pushes
	}
	if n := withdraw(10, branch.Done); n != 3 { // all of its own
		t.Errorf("a local withdrawal took %d messages", n)
	}
	withdraw(31, branch.Declined)
	if n := withdraw(25, branch.Done); n <= 3 { // all others give
		t.Errorf("gifts took %d messages", n)
	}
	withdraw(5, branch.Done)
	withdraw(1, branch.Declined)
	if v := g[2].View(); v.Balance != 0 || v.Counts.Local < 1 || v.Counts.Asked < 3 {
		t.Errorf("%+v", v)
	}
}

// A request is one operation, however often it is asked, also after it was
// declined; another operation under its name is refused.
func TestRequests(t *testing.T) {
	g := newGroup(2, branch.Sync, branch.Optimistic, 10)
	for i, c := range []struct {
		ask     branch.Ask
		status  branch.Status
		balance int64
	}{
		{branch.Ask{Kind: branch.Deposit, Amount: 5, Request: "a"}, branch.Done, 15},
		{branch.Ask{Kind: branch.Deposit, Amount: 5, Request: "a"}, branch.Done, 15},
		{branch.Ask{Kind: branch.Deposit, Amount: 6, Request: "a"}, branch.Clash, 15},
		{branch.Ask{Kind: branch.Withdraw, Amount: 16, Request: "b"}, branch.Declined, 15},
		{branch.Ask{Kind: branch.Deposit, Amount: 5, Request: "c"}, branch.Done, 20},
		{branch.Ask{Kind: branch.Withdraw, Amount: 16, Request: "b"}, branch.Declined, 20},
		{branch.Ask{Kind: branch.Withdraw, Amount: 16, Request: "d"}, branch.Done, 4},
		{branch.Ask{Kind: branch.Deposit, Amount: 2, External: true}, branch.Done, 6},
		{branch.Ask{Kind: branch.Query}, branch.Done, 6},
	} {
		if a, _, _ := g.ask(t, 1, c.ask); a.Status != c.status || a.Balance != c.balance {
			t.Errorf("%d: %+v, want status %d and balance %d", i, a, c.status, c.balance)
		}
	}
	if v := g[2].View(); v.Balance != 4 {
		t.Errorf("a term from outside went on: %+v", v)
	}
}

// A snapshot holds all that matters: who comes back from it owes gifts, sends its
// outbox, and knows what was asked for.
func TestSnapshot(t *testing.T) {
	g := newGroup(2, branch.Async, branch.Escrow, 10)
	g.ask(t, 1, branch.Ask{Kind: branch.Withdraw, Amount: 8, Request: "a"}) // with a gift of the other one
	b := g[1]
	b.Step(time.Second, branch.Ask{Kind: branch.Deposit, Amount: 3, Request: "b"}) // of which the other one hears nothing
	again := newGroup(2, branch.Async, branch.Escrow, 10)[1]
	if err := again.Restore(0, b.Snapshot()); err != nil {
		t.Fatal(err)
	}
	if got, want := again.View(), b.View(); got.Digest != want.Digest || got.Balance != 5 || got.Rights[1] != want.Rights[1] {
		t.Errorf("%+v, want %+v", got, want)
	}
	if err := again.Unbalanced(); err != nil {
		t.Error(err)
	}
	again.Begin(0)
	g[1] = again
	if a, _, _ := g.ask(t, 1, branch.Ask{Kind: branch.Withdraw, Amount: 8, Request: "a"}); a.Status != branch.Done || a.Balance != 5 {
		t.Errorf("asked again: %+v", a)
	}
	if a, _, pushes := g.ask(t, 1, branch.Ask{Kind: branch.Deposit, Amount: 1}); a.Balance != 6 || pushes > 2 {
		t.Errorf("%+v with %d messages", a, pushes)
	}
	if err := newGroup(3, branch.Async, branch.Escrow, 10)[1].Restore(0, b.Snapshot()); err == nil {
		t.Error("a snapshot of another group is taken")
	}
}
