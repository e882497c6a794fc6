package wire

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"testing"

	v1 "dyno/proto/strife/v1"
	"dyno/systems/strife/core/money"
	"dyno/systems/strife/core/tx"
)

// What goes out comes in as it was.
func TestRoundTrip(t *testing.T) {
	id := tx.ID{Gateway: 1, Epoch: 2, Number: 1 << 40}
	if got := ToID(ID(id)); got != id {
		t.Errorf("%v, want %v", got, id)
	}
	eur, err := money.ParseCurrency("EUR")
	if err != nil {
		t.Fatal(err)
	}
	p := tx.Prepare{
		Tx: id, Peers: []string{"beta"}, Low: tx.ID{Gateway: 1, Epoch: 2, Number: 7},
		Legs: []tx.Leg{{Account: "1001", Delta: -5, Currency: eur, Other: "beta/2"}, {Account: "1002", Delta: 5, Currency: eur, Other: "x"}},
	}
	if got := ToPrepare(Prepare(p), p.Low); !reflect.DeepEqual(got, p) {
		t.Errorf("%+v, want %+v", got, p)
	}
	for s := tx.None; s <= tx.Prepared; s++ {
		if got := ToState(Outcome(s)); got != s {
			t.Errorf("%v becomes %v", s, got)
		}
	}
	if m, err := ToMoney("amount", Money(money.Amount{Minor: -7, Currency: eur})); err != nil || m.Minor != -7 || m.Currency != eur {
		t.Errorf("%v, %v", m, err)
	}
	if _, err := ToMoney("amount", &v1.Money{Minor: 1, Currency: "eur"}); err == nil {
		t.Error("a currency that there is not")
	}
}

// Reasons on the wire are those of the cores by number: what is final stays so.
func TestReasons(t *testing.T) {
	for n, name := range v1.Reason_name {
		r := tx.Reason(n)
		if business := n >= int32(v1.Reason_REASON_FUNDS) && n <= int32(v1.Reason_REASON_LIMIT); r.Business() != business {
			t.Errorf("%s is final: %v", name, r.Business())
		}
		if got := ToVote("alpha", Vote(tx.Vote{Reason: r})); n != 0 && got.Reason != r || got.Bank != "alpha" {
			t.Errorf("%s becomes %v", name, got)
		}
	}
	for what, v := range map[string]*v1.Vote{"no reason": {}, "an unknown one": {Reason: 99}, "one that wraps round": {Reason: 256 + 1}} {
		if got := ToVote("alpha", v); got.Yes || got.Reason.Business() {
			t.Errorf("%s becomes %+v, which is final", what, got)
		}
	}
	if v := ToVote("alpha", &v1.Vote{Yes: true}); !v.Yes || v.Reason != tx.NoReason {
		t.Errorf("%+v", v)
	}
}

// What is put while a message is on its way travels in the next one, in order,
// and nothing is lost or doubled.
func TestPump(t *testing.T) {
	var p Pump[[]int]
	const writers, each = 8, 500
	ctx, cancel := context.WithCancel(t.Context())
	got, batches := make(chan int, writers*each), 0
	stopped := make(chan error)
	go func() {
		stopped <- p.Run(ctx, func(m *[]int) error {
			batches++
			for _, n := range *m {
				got <- n
			}
			return nil
		})
	}()
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				p.Put(func(m *[]int) { *m = append(*m, w*each+i) })
			}
		})
	}
	all.Wait()
	last := map[int]int{}
	for range writers * each {
		n := <-got
		if before, ok := last[n/each]; ok && n != before+1 || !ok && n%each != 0 {
			t.Fatalf("%d follows %d", n, before)
		}
		last[n/each] = n
	}
	cancel()
	if err := <-stopped; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if p.Put(func(*[]int) { t.Error("after the end") }) {
		t.Error("it takes more after its end")
	}
	t.Logf("%d in %d messages", writers*each, batches)
}

func TestPumpStopsWhenSendingFails(t *testing.T) {
	var p Pump[[]int]
	p.Put(func(m *[]int) { *m = append(*m, 1) })
	broken := errors.New("broken")
	if err := p.Run(t.Context(), func(*[]int) error { return broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
	if p.Put(func(*[]int) {}) {
		t.Error("it takes more after its end")
	}
}
