package core_test

import (
	"fmt"
	"testing"
	"time"

	"dyno/internal/node"
	"dyno/systems/standby/core"
)

// pair is two cores that talk by hand, with everything durable at once.
type pair struct {
	t     testing.TB
	cores [2]*core.Core
	now   time.Duration
	told  map[uint64]core.Reply
	cut   bool // messages between the two are lost
	grant bool // the witness grants
	epoch uint64
	ref   uint64
}

func newPair(t testing.TB, change func(i int, c *core.Config)) *pair {
	t.Helper()
	p := &pair{t: t, told: map[uint64]core.Reply{}, grant: true}
	for i := range p.cores {
		cfg := core.Config{Name: fmt.Sprintf("s%d", i+1), Accounts: accounts, Lease: time.Second, Witness: true, First: i == 0, Window: 8, Replies: 4}
		if change != nil {
			change(i, &cfg)
		}
		c, err := core.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		p.cores[i] = c
	}
	for i := range p.cores {
		p.do(i, p.cores[i].Begin(p.now))
	}
	return p
}

func (p *pair) do(i int, e node.Effects[core.Out]) {
	for _, out := range append(e.Early, e.Send...) {
		switch {
		case out.Reply != nil:
			p.told[out.Reply.Ref] = *out.Reply
		case out.Message != nil && !p.cut:
			p.do(1-i, p.cores[1-i].Step(p.now, out.Message))
		case out.Ask != nil && p.grant:
			g := core.Granted{Sequence: out.Ask.Sequence, Granted: true, Epoch: out.Ask.Epoch, Alone: out.Ask.Alone}
			if g.Epoch == 0 {
				p.epoch = max(p.epoch, out.Ask.Above) + 1
				g.Epoch = p.epoch
			}
			g.Granted = g.Epoch == p.epoch
			p.do(i, p.cores[i].Step(p.now, g))
		}
	}
}

// pass lets time pass, and wakes both.
func (p *pair) pass(d time.Duration, who ...int) {
	const tick = 50 * time.Millisecond
	for end := p.now + d; p.now < end; {
		p.now += tick
		for _, i := range who {
			p.do(i, p.cores[i].Wake(p.now))
		}
	}
}

func (p *pair) ask(i int, q core.Request) core.Reply {
	p.ref++
	q.Ref = p.ref
	p.do(i, p.cores[i].Step(p.now, &q))
	return p.told[p.ref]
}

func deposit(client, number uint64) core.Request {
	return core.Request{Client: client, Number: number, Kind: core.Deposit, Account: "acct1", Amount: 1}
}

func (p *pair) want(what string, got core.Reply, outcome core.Outcome) {
	p.t.Helper()
	if got.Outcome != outcome {
		p.t.Errorf("%s: outcome %d, want %d: %+v", what, got.Outcome, outcome, got)
	}
}

// What the seed's text tells: the primary does a withdrawal and dies, the standby
// goes on from there, and a repeated request is not done again.
func TestSeedStory(t *testing.T) {
	p := newPair(t, nil)
	p.pass(100*time.Millisecond, 0, 1)
	first := core.Request{Client: 7, Number: 1, Kind: core.Withdraw, Account: "acct2", Amount: 50}
	r := p.ask(0, first)
	p.want("withdrawal", r, core.Done)
	if r.Action != 1 || r.Balance != 150 || r.Epoch != 1 {
		t.Errorf("%+v", r)
	}
	p.pass(2*time.Second, 1) // s1 is dead
	again := p.ask(1, first)
	if again.Outcome != core.Done || !again.Repeated || again.Action != 1 || again.Balance != 150 {
		t.Errorf("a repeated request gets %+v", again)
	}
	r = p.ask(1, core.Request{Client: 7, Number: 2, SeenEpoch: 1, SeenAction: 1, Kind: core.Withdraw, Account: "acct2", Amount: 50})
	if r.Outcome != core.Done || r.Action != 2 || r.Balance != 100 || r.Epoch != 2 {
		t.Errorf("the standby does %+v", r)
	}
	p.want("an older request", p.ask(1, first), core.Over)
	p.want("everything", p.ask(1, core.Request{Client: 8, Number: 1, Kind: core.Withdraw, Account: "acct2", Amount: 100}), core.Done)
	p.want("more", p.ask(1, core.Request{Client: 8, Number: 2, Kind: core.Withdraw, Account: "acct2", Amount: 1}), core.TooMuch)
	p.want("negative", p.ask(1, core.Request{Client: 8, Number: 3, Kind: core.Deposit, Account: "acct2", Amount: -1}), core.Invalid)
	p.want("nobody's", p.ask(1, core.Request{Client: 8, Number: 3, Kind: core.Lookup, Account: "acct9"}), core.NotFound)
	p.want("beyond int64", p.ask(1, core.Request{Client: 8, Number: 3, Kind: core.Deposit, Account: "acct1", Amount: 1<<63 - 1}), core.Invalid)
}

// A number stands for one request: another one under it, or one without a number,
// is refused, on either server, and changes nothing.
func TestNumbersStandForOneRequest(t *testing.T) {
	p := newPair(t, nil)
	p.pass(100*time.Millisecond, 0, 1)
	first := core.Request{Client: 7, Number: 1, Kind: core.Withdraw, Account: "acct2", Amount: 50}
	p.want("withdrawal", p.ask(0, first), core.Done)
	tooMuch := core.Request{Client: 8, Number: 1, Kind: core.Withdraw, Account: "acct2", Amount: 1 << 40}
	p.want("too much", p.ask(0, tooMuch), core.TooMuch)
	for server := range 2 {
		if server == 1 {
			p.pass(2*time.Second, 1) // s1 is dead
		}
		for _, q := range []core.Request{
			{Client: 7, Number: 1, Kind: core.Deposit, Account: "acct2", Amount: 50},
			{Client: 7, Number: 1, Kind: core.Withdraw, Account: "acct1", Amount: 50},
			{Client: 7, Number: 1, Kind: core.Withdraw, Account: "acct2", Amount: 51},
			{Client: 8, Number: 1, Kind: core.Deposit, Account: "acct2", Amount: 1},
			{Client: 9, Number: 0, Kind: core.Deposit, Account: "acct2", Amount: 1},
		} {
			p.want(fmt.Sprintf("s%d: %+v", server+1, q), p.ask(server, q), core.Invalid)
		}
		for want, q := range map[core.Outcome]core.Request{core.Done: first, core.TooMuch: tooMuch} {
			if r := p.ask(server, q); r.Outcome != want || !r.Repeated || r.Balance != 150 {
				t.Errorf("s%d: a repeated request gets %+v", server+1, r)
			}
		}
	}
}

// In async mode what was not shipped is lost, named, told to who has seen it, and
// accepted by an operator.
func TestLoss(t *testing.T) {
	p := newPair(t, func(_ int, c *core.Config) { c.Async = true })
	p.pass(100*time.Millisecond, 0, 1)
	p.want("shipped", p.ask(0, deposit(1, 1)), core.Done)
	p.cut = true
	p.want("not shipped", p.ask(0, deposit(1, 2)), core.Done)
	p.want("not shipped", p.ask(0, deposit(1, 3)), core.Done)
	p.pass(time.Second, 1)
	q := deposit(1, 4)
	q.SeenEpoch, q.SeenAction = 1, 3
	r := p.ask(1, q)
	if p.want("who has seen it", r, core.IsLost); r.Lost != (core.Lost{Epoch: 1, First: 2, Last: 3}) {
		t.Errorf("lost: %+v", r.Lost)
	}
	p.want("who has not", p.ask(1, deposit(2, 1)), core.Done)
	p.cut = false
	p.pass(time.Second, 1, 0) // s1 is back, and cuts its tail
	a, sumA := p.cores[0].State().Position()
	b, sumB := p.cores[1].State().Position()
	if a != b || sumA != sumB || a != 2 {
		t.Errorf("after the rejoin: %d %x, %d %x", a, sumA, b, sumB)
	}
	if lost, _ := p.cores[1].Lost(); len(lost) != 1 || lost[0] != (core.Lost{Epoch: 1, First: 2, Last: 3}) {
		t.Errorf("named: %v", lost)
	}
	p.ref++
	p.do(1, p.cores[1].Step(p.now, core.Accept{Ref: p.ref}))
	p.want("accepting", p.told[p.ref], core.Done)
	p.want("who has seen it, then", p.ask(1, q), core.Done)
	p.ref++
	p.do(1, p.cores[1].Step(p.now, core.Accept{Ref: p.ref}))
	p.want("accepting nothing", p.told[p.ref], core.Invalid)
}

// Of more clients than are remembered the oldest may not repeat a request.
func TestForgotten(t *testing.T) {
	p := newPair(t, nil)
	p.pass(100*time.Millisecond, 0, 1)
	for c := uint64(1); c <= 5; c++ {
		q := deposit(c, 1)
		q.SeenEpoch, q.SeenAction = 1, c-1
		p.want("new", p.ask(0, q), core.Done)
	}
	r := p.ask(0, deposit(1, 1))
	p.want("of a client that was forgotten", r, core.Forgotten)
	q := deposit(1, 2)
	q.SeenEpoch, q.SeenAction = r.Epoch, r.Action
	p.want("having seen what the server says", p.ask(0, q), core.Done)
}

// A standby that is far behind gets a snapshot; one that began with other
// accounts refuses until it is told to take the primary's.
func TestSnapshots(t *testing.T) {
	for name, resync := range map[string]bool{"refuses": false, "resync": true} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, func(i int, c *core.Config) {
				if c.Resync = resync; i == 1 {
					c.Accounts = append([]core.Account{{Name: "other", Balance: 1}}, accounts...)
				}
			})
			p.pass(100*time.Millisecond, 0, 1)
			for n := range uint64(20) {
				p.want("alone", p.ask(0, deposit(1, n+1)), core.Done)
			}
			p.pass(500*time.Millisecond, 0, 1)
			a, sumA := p.cores[0].State().Position()
			b, sumB := p.cores[1].State().Position()
			if follows := a == b && sumA == sumB; follows != resync || p.cores[1].Refuses() == resync {
				t.Errorf("primary at %d, standby at %d, which refuses: %v", a, b, p.cores[1].Refuses())
			}
			p.pass(2*time.Second, 1) // the primary is dead
			if role, _ := p.cores[1].Role(); (role == core.Primary) != resync {
				t.Errorf("the standby is %d", role)
			}
		})
	}
}

// Without a witness a primary that has lost its standby stops, a client promotes
// the other one, and the old one is fenced when they meet.
func TestPromotion(t *testing.T) {
	for name, alone := range map[string]bool{"stops": false, "alone": true} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, func(_ int, c *core.Config) { c.Witness, c.Alone = false, alone })
			p.pass(2*time.Second, 0, 1)
			p.want("as a pair", p.ask(0, deposit(1, 1)), core.Done)
			q := deposit(2, 1)
			q.Promote = true
			p.want("the standby of a primary that lives", p.ask(1, q), core.NotPrimary)
			p.cut = true
			p.pass(2*time.Second, 0, 1)
			want := core.NoStandby
			if alone {
				want = core.Done
			}
			p.want("without its standby", p.ask(0, deposit(1, 2)), want)
			p.want("promoted", p.ask(1, q), core.Done)
			p.cut = false
			p.pass(2*time.Second, 1, 0)
			p.want("the old one", p.ask(0, deposit(3, 1)), core.NotPrimary)
			a, sumA := p.cores[0].State().Position()
			b, sumB := p.cores[1].State().Position()
			if a != b || sumA != sumB {
				t.Errorf("after they met: %d %x, %d %x", a, sumA, b, sumB)
			}
		})
	}
}

// A snapshot stands for the records that it replaces.
func TestRestore(t *testing.T) {
	p := newPair(t, nil)
	p.pass(100*time.Millisecond, 0, 1)
	for n := range uint64(5) {
		p.ask(0, deposit(1, n+1))
	}
	c, err := core.New(core.Config{Name: "s1", Accounts: accounts, Lease: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	snapshot := p.cores[0].Snapshot()
	if err := c.Restore(9, snapshot); err != nil {
		t.Fatal(err)
	}
	a, sumA := p.cores[0].State().Position()
	b, sumB := c.State().Position()
	if _, epoch := c.Role(); a != b || sumA != sumB || epoch != 1 || c.Remembers() != 1 {
		t.Errorf("%d %x, restored %d %x in epoch %d", a, sumA, b, sumB, epoch)
	}
	for n := range len(snapshot) {
		if err := c.Restore(9, snapshot[:n]); err == nil {
			t.Fatalf("a snapshot cut to %d bytes is taken", n)
		}
	}
}

// Nobody's records and messages are taken for granted.
func TestDamagedRecords(t *testing.T) {
	for _, record := range []string{"", "x", "a123", "c", "e1", "s", "l12345678"} {
		c, err := core.New(core.Config{Name: "s1", Accounts: accounts, Lease: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if c.Recover([]byte(record)) == nil {
			t.Errorf("record %q is taken", record)
		}
	}
	if _, err := core.New(core.Config{Accounts: []core.Account{{Name: "a"}, {Name: "a"}}}); err == nil {
		t.Error("two accounts of one name are taken")
	}
}
