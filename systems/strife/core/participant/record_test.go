package participant

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"dyno/systems/strife/core/money"
	"dyno/systems/strife/core/tx"
)

var eur = money.Currency([]byte("EUR"))

// busy makes a bank with everything, and its records.
func busy(t testing.TB) (p *Participant, records [][]byte) {
	p = New(Config{Bank: "alpha"})
	step := func(in In) { records = append(records, p.Step(0, in).Write...) }
	for i := range 3 {
		step(Open{Account: fmt.Sprint("a", i), Owner: "u", Currency: eur, Opening: 1000})
	}
	for i := range uint64(100) {
		id := tx.ID{Gateway: 1, Epoch: 1, Number: 100 * i}
		step(tx.Prepare{Tx: id, Legs: []tx.Leg{{Account: "a0", Delta: 1 - 2*int64(i%2), Currency: eur, Other: "beta/b"}}, Peers: []string{"beta"}})
		switch i % 5 {
		case 0, 1, 2:
			step(tx.Decide{Tx: id, Commit: true})
		case 3:
			step(tx.Decide{Tx: id, Low: tx.ID{Gateway: 1, Epoch: 1, Number: 50 * i}})
		case 4:
			step(tx.Ask{From: "beta", Tx: tx.ID{Gateway: 1, Epoch: 2, Number: i}})
		}
	}
	step(Resolve{Tx: tx.ID{Gateway: 1, Epoch: 1, Number: 9900}, By: "root"})
	records = append(records, p.Flush(0).Write...)
	return p, records
}

func TestSnapshot(t *testing.T) {
	p, records := busy(t)
	half := New(Config{Bank: "alpha"})
	for i, r := range records {
		if i == len(records)/2 {
			again := New(half.config)
			if err := again.Restore(uint64(i), half.Snapshot()); err != nil {
				t.Fatal(err)
			}
			half = again
		}
		if err := half.Recover(r); err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
	}
	for i, a := range p.Accounts() {
		if half.Accounts()[i] != a {
			t.Errorf("%+v, after a restart %+v", a, half.Accounts()[i])
		}
	}
	if len(half.Doubts()) != len(p.Doubts()) || len(p.Doubts()) == 0 || half.Stats().Resolved != 1 {
		t.Errorf("in doubt are %+v, after a restart %+v", p.Doubts(), half.Doubts())
	}
	again := New(half.config)
	if err := again.Restore(1, half.Snapshot()); err != nil || !bytes.Equal(again.Snapshot(), half.Snapshot()) {
		t.Errorf("a snapshot of a snapshot is another: %v", err)
	}
	snapshot := half.Snapshot()
	early := slices.Concat(snapshot[:len(snapshot)-1], []byte{1}, tx.ID{Gateway: 1, Epoch: 1, Number: 5}.Append(nil),
		binary.AppendVarint(binary.AppendVarint(nil, -300), 700), tx.AppendText(nil, "beta/b"))
	again = New(half.config)
	if err := again.Restore(1, early); err != nil || !bytes.Equal(again.Snapshot(), snapshot) {
		t.Errorf("a snapshot of earlier versions, with a posting, is another: %v", err)
	}
	shut := bytes.Replace(snapshot, []byte("EUR\x00"), []byte("EUR\x01"), 1)
	if bytes.Equal(shut, snapshot) || New(half.config).Restore(1, shut) == nil {
		t.Error("an account that is marked closed is opened again")
	}
	for n := range snapshot {
		if New(half.config).Restore(1, snapshot[:n]) == nil {
			t.Fatalf("a snapshot of %d bytes is taken with %d", len(snapshot), n)
		}
	}
}

// A record that was cut, or comes twice, or without the one before it, is
// refused.
func TestRecordsAreRefused(t *testing.T) {
	_, records := busy(t)
	for i, r := range records {
		p := New(Config{Bank: "alpha"})
		for _, before := range records[:i] {
			if err := p.Recover(before); err != nil {
				t.Fatal(err)
			}
		}
		state := p.Snapshot()
		for n := range r {
			if p.Recover(r[:n]) == nil && Kind(r[0]) != LegsPrepared { // without its last peers a promise is one
				t.Fatalf("record %d of kind %d is taken with %d of %d bytes", i, r[0], n, len(r))
			}
			if Kind(r[0]) == LegsPrepared {
				p = New(p.config)
				if err := p.Restore(1, state); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := p.Recover(r); err != nil {
			t.Fatal(err)
		}
		if p.Recover(r) == nil && Kind(r[0]) != TxRefused {
			t.Fatalf("record %d of kind %d is taken twice", i, r[0])
		}
	}
}

func TestFinished(t *testing.T) {
	f := finished{pages: map[pageKey]*page{}}
	id := func(n uint64) tx.ID { return tx.ID{Gateway: 1, Epoch: 3, Number: n} }
	for n := range uint64(3 * pageNumbers) {
		f.set(id(n), end(n%4))
	}
	for n := range uint64(3 * pageNumbers) {
		if f.of(id(n)) != end(n%4) {
			t.Fatalf("%d is %d", n, f.of(id(n)))
		}
	}
	f.raise(id(2*pageNumbers + 7))
	f.raise(id(5)) // late
	if len(f.pages) != 1 || f.of(id(7)) != unheard || f.of(id(2*pageNumbers+1)) != 1 {
		t.Errorf("%d pages are left", len(f.pages))
	}
	f.raise(tx.ID{Gateway: 1, Epoch: 4, Number: 1})
	if len(f.pages) != 0 {
		t.Errorf("%d pages of an epoch that is over are left", len(f.pages))
	}
}

func FuzzRecover(f *testing.F) {
	_, records := busy(f)
	for _, r := range records {
		f.Add(r)
	}
	f.Fuzz(func(t *testing.T, record []byte) {
		p := New(Config{Bank: "alpha"})
		for _, r := range records[:20] {
			if err := p.Recover(r); err != nil {
				t.Fatal(err)
			}
		}
		if p.Recover(record) != nil {
			return
		}
		p.Begin(0)
		again := New(p.config)
		if err := again.Restore(1, p.Snapshot()); err != nil {
			t.Fatal(err)
		}
	})
}
