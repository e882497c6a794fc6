package standby_test

import (
	"context"
	"os"
	"testing"
	"time"

	"dyno/bench/process"
	"dyno/systems"
	"dyno/systems/standby"
	"dyno/systems/standby/client"
	"dyno/systems/standby/cluster"
	"dyno/systems/standby/config"
)

// start starts two servers, and an interface to them.
func start(t *testing.T, o cluster.Options) (*cluster.Cluster, *client.Bank) {
	t.Helper()
	ctx, group, err := process.NewGroup(t.Context(), process.Options{System: standby.System, Dir: t.TempDir(), Setting: systems.Setting{Seed: 1}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := group.Close(); err != nil {
			t.Error(err)
		}
	})
	c, err := cluster.Start(ctx, group, o)
	if err != nil {
		t.Fatal(err)
	}
	bank, err := client.Dial(client.Options{Hosts: c.Hosts, Attempt: 200 * time.Millisecond, Bound: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bank.Close)
	return c, bank
}

func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// The mode of the original: two servers, no witness. The primary is killed, the
// interface has the standby take over, and the user sees the balances that were
// there. What both have left at their ends is in their files.
func TestWithoutWitness(t *testing.T) {
	c, bank := start(t, cluster.Options{Accounts: map[string]int64{"acct1": 100, "acct2": 200}, Lease: 300 * time.Millisecond})
	user := bank.Session()
	if left := must(user.Withdraw(t.Context(), "acct2", 50))(t); left != 150 {
		t.Errorf("150 want, %d left", left)
	}
	awaitPair(t, bank)
	if err := c.Servers[0].Kill(); err != nil {
		t.Fatal(err)
	}
	if left := must(user.Withdraw(t.Context(), "acct2", 50))(t); left != 100 {
		t.Errorf("100 want, %d left", left)
	}
	if err := c.Servers[0].Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	awaitPair(t, bank)
	if _, action := user.Seen(); action != 2 {
		t.Errorf("action %d is the last, want 2", action)
	}
	for i, s := range c.Servers {
		if err := s.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := must(config.ReadAccounts(c.Files[i]))(t); got["acct1"] != 100 || got["acct2"] != 100 {
			t.Errorf("%s leaves %v", s.Name(), got)
		}
	}
}

// awaitPair waits until one server is primary and the other one has what it has.
func awaitPair(t *testing.T, bank *client.Bank) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		s := bank.Status(ctx)
		for i := range s {
			p, o := s[i].Status, s[1-i].Status
			if p.GetShipped() == p.GetAction() && p.GetRole().String() == "ROLE_PRIMARY" && o.GetRole().String() == "ROLE_STANDBY" && !p.GetAlone() && p.GetLeaseUs() > 0 {
				return
			}
		}
		if ctx.Err() != nil {
			t.Fatalf("no pair: %v", s)
		}
	}
}

// A server that is killed at any time leaves a file of accounts that can be read,
// and its journal has what was acknowledged, though the file has not.
func TestFileSurvivesKills(t *testing.T) {
	c, bank := start(t, cluster.Options{Accounts: map[string]int64{"1": 0}, Lease: 300 * time.Millisecond, Witness: true})
	user := bank.Session()
	for n := range int64(6) {
		if got := must(user.Deposit(t.Context(), "1", 1))(t); got != n+1 {
			t.Fatalf("%d after %d deposits", got, n+1)
		}
		s := c.Servers[n%2]
		if err := s.Kill(); err != nil {
			t.Fatal(err)
		}
		if n < 2 {
			if got := must(config.ReadAccounts(c.Files[n%2]))(t); len(got) != 1 {
				t.Errorf("the file holds %v", got)
			}
		}
		if n == 2 { // the journal is what counts
			if err := os.Remove(c.Files[0]); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		awaitPair(t, bank)
	}
}
