package bank

import (
	"bytes"
	"math"
	"reflect"
	"testing"
	"time"

	"dyno/internal/node"
	"dyno/internal/replica"
	"dyno/systems/sessionbank/core/token"
)

// lab is branch 1 of two, with a session at it.
type lab struct {
	*testing.T
	core  *Core
	now   time.Duration
	calls uint64
	token token.Token
}

func newLab(t *testing.T, cfg Config) *lab {
	cfg.Replica = replica.Config{Self: 1, Peers: []replica.ID{2}}
	return &lab{T: t, core: New(cfg)}
}

// ask asks for something, and returns the answer if it comes at once.
func (l *lab) ask(r Request) *Answer {
	l.calls++
	r.Call, r.Guarantees, r.Session = l.calls, token.All, "s"
	if reflect.DeepEqual(r.Token, token.Token{}) {
		r.Token = l.token
	}
	return l.answer(l.core.Step(l.now, r))
}

// answer is the last one among effects.
func (l *lab) answer(e node.Effects[Output]) (a *Answer) {
	for _, out := range e.Send {
		if one, ok := out.(Answer); ok {
			a = &one
		}
	}
	return a
}

func (l *lab) want(what string, a *Answer, outcome Outcome) *Answer {
	l.Helper()
	if a == nil {
		l.Fatalf("%s: no answer", what)
	}
	if a.Outcome != outcome {
		l.Fatalf("%s: outcome %d, want %d", what, a.Outcome, outcome)
	}
	return a
}

// push is a write of branch 2.
func push(seq uint64, name Name, delta int64) Message {
	return Message{Kind: replica.Push, From: 2, To: 1, Writes: []Write{{Origin: 2, Seq: seq, Body: Body{name, delta}}}}
}

// ahead is the token of a session that has made write 1 of branch 2.
func ahead() token.Token {
	var t token.Token
	t.Wrote(token.All, 2, 1)
	return t
}

// A request waits until the branch has caught up, or to its bound and no longer.
func TestWait(t *testing.T) {
	l := newLab(t, Config{Balance: 10, MaxWait: time.Second})
	if a := l.ask(Request{Kind: Query, Token: ahead(), Wait: 100 * time.Millisecond}); a != nil {
		t.Fatalf("answered %+v without the session's write", a)
	}
	e := l.core.Wake(99 * time.Millisecond)
	if a := l.answer(e); a != nil {
		t.Fatalf("too early: %+v", a)
	}
	a := l.want("at the bound", l.answer(l.core.Wake(100*time.Millisecond)), Lagging)
	if a.Waited != 100*time.Millisecond {
		t.Errorf("waited %v", a.Waited)
	}
	l.now = 200 * time.Millisecond
	if a := l.ask(Request{Kind: Query, Token: ahead(), Wait: time.Hour}); a != nil { // the branch's own bound holds
		t.Fatalf("%+v", a)
	}
	a = l.want("when the write has come", l.answer(l.core.Step(250*time.Millisecond, push(1, Name{"s", 1}, 5))), Done)
	if a.Balance != 15 || a.Waited != 50*time.Millisecond || a.Seen[2] != 1 {
		t.Errorf("%+v", a)
	}
}

// Money that the session has deposited elsewhere is waited for, not refused.
func TestWithdrawalWaitsForItsDeposit(t *testing.T) {
	l := newLab(t, Config{})
	withdraw := Request{Kind: Withdraw, Amount: 5, Name: Name{Number: 2}, Token: ahead()}
	if a := l.ask(withdraw); a != nil {
		t.Fatalf("%+v", a)
	}
	a := l.want("after the deposit", l.answer(l.core.Step(0, push(1, Name{"s", 1}, 5))), Done)
	if a.Origin != 1 || a.Seq != 1 {
		t.Errorf("%+v", a)
	}
	if deps := l.core.replica.Vector(); deps[2] != 1 {
		t.Errorf("%v", deps)
	}
}

func TestOnce(t *testing.T) {
	l := newLab(t, Config{Balance: 10})
	deposit := Request{Kind: Deposit, Amount: 5, Name: Name{Number: 1}}
	first := l.want("deposit", l.ask(deposit), Done)
	again := l.want("again", l.ask(deposit), Done)
	if again.Seq != first.Seq || !again.Again {
		t.Errorf("%+v, then %+v", first, again)
	}
	deposit.Amount = 6
	l.want("another under its name", l.ask(deposit), Reused)
	withdraw := Request{Kind: Withdraw, Amount: 16, Name: Name{Number: 2}}
	l.want("too much", l.ask(withdraw), Refused)
	l.core.Step(0, push(1, Name{"other", 1}, 100))
	if a := l.want("though there is money now", l.ask(withdraw), Refused); !a.Again {
		t.Error("the refusal is not said to be an old one")
	}
	// The session has tried number 3 at branch 2, and had no answer.
	lost := Request{Kind: Withdraw, Amount: 1000, Name: Name{Number: 3}, Elsewhere: true}
	l.want("perhaps done elsewhere", l.ask(lost), Unsure)
	l.core.Step(0, push(2, Name{"s", 3}, -1000))
	if a := l.want("done elsewhere", l.ask(lost), Done); a.Origin != 2 || a.Seq != 2 {
		t.Errorf("%+v", a)
	}
	// Number 1 was accepted by branch 2 as well: it counts once.
	l.core.Step(0, push(3, Name{"s", 1}, 5))
	if n, ok := l.core.Balance(); n != 10+5+100-1000 || !ok {
		t.Errorf("the balance is %d", n)
	}
}

func TestLimits(t *testing.T) {
	l := newLab(t, Config{Balance: math.MaxInt64 - 1, Waiting: 1})
	l.want("beyond 64 bits", l.ask(Request{Kind: Deposit, Amount: 2, Name: Name{Number: 1}}), TooMuch)
	l.want("to the last", l.ask(Request{Kind: Deposit, Amount: 1, Name: Name{Number: 2}}), Done)
	l.core.Step(0, push(1, Name{"other", 1}, 7)) // by somebody who did not know
	l.want("a balance that does not fit", l.ask(Request{Kind: Query}), TooMuch)
	l.want("back in bounds", l.ask(Request{Kind: Withdraw, Amount: 7, Name: Name{Number: 3}}), Done)
	if a := l.want("fits again", l.ask(Request{Kind: Query}), Done); a.Balance != math.MaxInt64 {
		t.Errorf("%d", a.Balance)
	}
	var far, unknown token.Token
	far.Wrote(token.All, 2, 9)
	unknown.Wrote(token.All, 3, 1)
	l.want("a branch that there is not", l.ask(Request{Kind: Query, Token: unknown}), Unknown)
	if a := l.ask(Request{Kind: Query, Token: far}); a != nil {
		t.Fatalf("%+v", a)
	}
	l.want("one too many waits", l.ask(Request{Kind: Query, Token: far}), Busy)
}

// A branch that comes back knows what it has applied and refused.
func TestRecover(t *testing.T) {
	l := newLab(t, Config{Balance: 10})
	var records [][]byte
	keep := func(e node.Effects[Output]) { records = append(records, e.Write...) }
	ask := func(kind Kind, amount int64, number uint64) {
		keep(l.core.Step(0, Request{Kind: kind, Amount: amount, Name: Name{"s", number}}))
	}
	ask(Deposit, 5, 1)
	ask(Withdraw, 16, 2)
	keep(l.core.Step(0, push(1, Name{"other", 1}, 100)))
	again := newLab(t, Config{Balance: 10})
	for _, r := range records {
		if err := again.core.Recover(r); err != nil {
			t.Fatal(err)
		}
	}
	again.core.Begin(0)
	if !reflect.DeepEqual(again.core.Log(), l.core.Log()) || !reflect.DeepEqual(again.core.Vector(), l.core.Vector()) {
		t.Errorf("%v, want %v", again.core.Log(), l.core.Log())
	}
	again.want("refused before", again.ask(Request{Kind: Withdraw, Amount: 16, Name: Name{Number: 2}}), Refused)
}

func FuzzRecord(f *testing.F) {
	f.Add(writeRecord(Write{Origin: 1, Seq: 2, Deps: replica.Vector{2: 3}, Body: Body{Name{"s", 4}, -5}}))
	f.Add(refusalRecord(Name{"s", 4}))
	f.Add(settledRecord(300))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseRecord(b)
		if err != nil {
			return
		}
		text := encode(r)
		if again, err := parseRecord(text); err != nil || again.tag != r.tag || !bytes.Equal(text, encode(again)) {
			t.Fatalf("%x comes back as %+v, %v", b, again, err)
		}
	})
}

func encode(r record) []byte {
	switch r.tag {
	case tagWrite:
		return writeRecord(r.write)
	case tagRefusal:
		return refusalRecord(r.name)
	}
	return settledRecord(r.settled)
}
