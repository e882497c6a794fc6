package core_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"dyno/bench/sim"
	"dyno/systems/standby/core"
)

// What a deposit costs a pair of cores, without disk and network.
func BenchmarkDeposit(b *testing.B) {
	p := newPair(b, func(_ int, c *core.Config) { c.Lease, c.Window, c.Replies = time.Hour, 0, 0 })
	p.pass(100*time.Millisecond, 0, 1)
	b.ReportAllocs()
	n := uint64(0)
	for b.Loop() {
		n++
		if r := p.ask(0, deposit(1, n)); r.Outcome != core.Done {
			b.Fatal(r)
		}
		delete(p.told, p.ref)
	}
}

// What a seed of the simulator costs.
func BenchmarkSeed(b *testing.B) {
	h := world{}.hunt(1)
	events := uint64(0)
	seed := uint64(0)
	for b.Loop() {
		seed++
		faults, err := sim.Generate(seed, h.Profile)
		if err != nil {
			b.Fatal(err)
		}
		h.Config.Seed, h.Config.Faults = seed, faults
		o := sim.Run(h.Config, h.Scenario)
		if o.Err != nil {
			b.Fatal(o.Err)
		}
		events += o.Stats.Events
	}
	b.ReportMetric(float64(events)/float64(seed), "events/seed")
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
}

// memory is what f leaves on the heap.
func memory(f func() any) float64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	keep := f()
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(keep)
	return float64(after.HeapAlloc) - float64(before.HeapAlloc)
}

// An account and a remembered reply have a bounded price, and replies a bounded
// number.
func TestMemory(t *testing.T) {
	const many = 50_000
	list := make([]core.Account, many)
	for i := range list {
		list[i] = core.Account{Name: fmt.Sprintf("account-%06d", i)}
	}
	build := func(accounts []core.Account, clients int) func() any {
		return func() any {
			c, err := core.New(core.Config{Name: "s1", Accounts: accounts, Lease: time.Hour, First: true, Alone: true, Window: 1, Replies: many})
			if err != nil {
				t.Fatal(err)
			}
			c.Begin(0)
			c.Wake(time.Hour)
			for n := range clients {
				c.Step(time.Hour, &core.Request{Client: uint64(n) + 1, SeenAction: uint64(n), SeenEpoch: 1, Number: 1, Kind: core.Deposit, Account: accounts[0].Name, Amount: 1})
			}
			if got := c.Remembers(); got != min(clients, many) {
				t.Errorf("%d replies are remembered", got)
			}
			return c
		}
	}
	perAccount := memory(build(list, 0)) / many
	perReply := memory(build(list[:1], 2*many)) / many
	t.Logf("%.0f bytes for an account beside its name, %.0f for a remembered reply", perAccount, perReply)
	if perAccount > 200 || perReply > 300 {
		t.Errorf("%.0f bytes for an account, want at most 200; %.0f for a reply, want at most 300", perAccount, perReply)
	}
}
