package coordinator

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"dyno/systems/strife/core/money"
	"dyno/systems/strife/core/tx"
)

// model keeps what a table must know.
type model struct {
	t     *testing.T
	c     *Coordinator
	age   time.Duration
	all   map[scoped]Receipt
	ages  map[scoped]time.Duration
	order []scoped
}

func (m *model) add(user, key string, i uint64) {
	r := Receipt{
		Key: key, Status: Paid, Tx: tx.ID{Gateway: 1, Epoch: 1, Number: i},
		Payment: tx.Payment{
			From: tx.Account{Bank: "alpha", Name: "a"}, To: tx.Account{Bank: "beta", Name: "b"},
			Amount: money.Amount{Minor: int64(i), Currency: money.Currency([]byte("EUR"))},
		},
	}
	var e Effects
	m.c.store(m.age, user, r, &e)
	by := scoped{user, key}
	m.all[by], m.ages[by] = r, m.age
	m.order = append(m.order, by)
}

// Whatever is added is found, until it is too old; then it is not, and its memory
// is free. The numbers of chunks run over meanwhile.
func TestTable(t *testing.T) {
	const ttl = time.Hour
	m := &model{t: t, c: New(Config{Gateway: 1, Banks: []string{"alpha", "beta"}, KeyTTL: ttl}), all: map[scoped]Receipt{}, ages: map[scoped]time.Duration{}}
	m.c.table.first = 1<<16 - 5
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range uint64(60_000) {
		m.age = time.Duration(i) * ttl / 10_000
		m.add(fmt.Sprint("user", rng.IntN(50)), fmt.Sprintf("key-%030d", i), i+1)
		if i%100 != 0 {
			continue
		}
		by := m.order[rng.IntN(len(m.order))]
		got, ok := m.c.find(m.age, by)
		old := m.age-m.ages[by].Truncate(time.Second) >= ttl
		if ok == old || ok && got != m.all[by] {
			t.Fatalf("after %d: %v is %+v, %v; too old: %v", i, by, got, ok, old)
		}
		if _, ok := m.c.find(m.age, scoped{by.user + "x", by.key}); ok {
			t.Fatal("a key is found for another user")
		}
	}
	if n := len(m.c.table.chunks); n > 20 || m.c.table.live > 12_000 {
		t.Errorf("%d chunks with %d receipts, of which 10,000 are young enough", n, m.c.table.live)
	}
	seen := map[string]bool{}
	for _, r := range m.c.list(m.age, "user7", 1000) {
		by := scoped{"user7", r.Key}
		if seen[r.Key] || m.all[by] != r {
			t.Fatalf("the list has %+v", r)
		}
		seen[r.Key] = true
	}
	for by, at := range m.ages {
		if by.user == "user7" && m.age-at.Truncate(time.Second) < ttl && !seen[by.key] {
			t.Errorf("the list lacks %v", by)
		}
	}
}

// A receipt under a key as long as a UUID takes at most 100 bytes, however full the
// index is.
func TestBytes(t *testing.T) {
	m := &model{t: t, c: New(Config{Gateway: 1, Banks: []string{"alpha", "beta"}}), all: map[scoped]Receipt{}, ages: map[scoped]time.Duration{}}
	worst := 0.0
	for i := range uint64(80_000) {
		m.add(fmt.Sprint("user", i%1000), fmt.Sprintf("%036d", i), i+1)
		if i > 20_000 {
			worst = max(worst, float64(m.c.table.bytes())/float64(i+1))
		}
	}
	if t.Logf("at most %.1f bytes", worst); worst > 100 {
		t.Errorf("a receipt takes %.1f bytes", worst)
	}
}

// A bank that never acknowledges holds back the low marks, and nothing else.
func TestStuck(t *testing.T) {
	c := New(Config{Gateway: 1, Banks: []string{"alpha", "beta", "gamma"}})
	c.Begin(0)
	for i := range uint64(10_000) {
		p := tx.Payment{
			From: tx.Account{Bank: "alpha", Name: "a"}, To: tx.Account{Bank: "beta", Name: "b"},
			Amount: money.Amount{Minor: 5, Currency: money.Currency([]byte("EUR"))},
		}
		if i == 0 {
			p.To.Bank = "gamma"
		}
		c.Step(0, Pay{Request: 1, User: "u", Key: fmt.Sprint("k", i), Payment: p})
		id := tx.ID{Gateway: 1, Epoch: 1, Number: i + 1}
		for _, bank := range []string{p.From.Bank, p.To.Bank} {
			c.Step(0, tx.Vote{Bank: bank, Tx: id, Yes: true})
		}
		c.Step(0, tx.Ack{Bank: "alpha", Tx: id})
		c.Step(0, tx.Ack{Bank: "beta", Tx: id})
	}
	stuck := tx.ID{Gateway: 1, Epoch: 1, Number: 1}
	alpha, beta := c.bank("alpha"), c.bank("beta")
	if s := c.Stats(); s.Committed != 1 || c.low(alpha) != stuck || c.low(beta) == stuck || len(alpha.queue) > 200 {
		t.Errorf("%+v, low marks %v and %v, %d attempts queued", s, c.low(alpha), c.low(beta), len(alpha.queue))
	}
}

// A snapshot and the records are the same memory.
func TestSnapshot(t *testing.T) {
	c := New(Config{Gateway: 1, Banks: []string{"alpha", "beta"}})
	var records [][]byte
	take := func(e Effects) { records = append(records, e.Write...) }
	take(c.Begin(0))
	for i := range 300 {
		now := time.Duration(i) * time.Second
		p := tx.Payment{
			From: tx.Account{Bank: "alpha", Name: "a"}, To: tx.Account{Bank: "beta", Name: "b"},
			Amount: money.Amount{Minor: 5, Currency: money.Currency([]byte("EUR"))},
		}
		take(c.Step(now, Pay{Request: 1, User: fmt.Sprint("u", i%7), Key: fmt.Sprint("k", i), Payment: p}))
		id := tx.ID{Gateway: 1, Epoch: 1, Number: uint64(i) + 1}
		take(c.Step(now, tx.Vote{Bank: "alpha", Tx: id, Yes: true}))
		take(c.Step(now, tx.Vote{Bank: "beta", Tx: id, Yes: i%5 != 0, Reason: tx.Funds}))
		if i%3 == 0 {
			take(c.Step(now, Cancel{Request: 1, User: "u", Key: fmt.Sprint("c", i)}))
		}
		if i < 290 {
			take(c.Step(now, tx.Ack{Bank: "alpha", Tx: id}))
			take(c.Step(now, tx.Ack{Bank: "beta", Tx: id}))
		}
		if i == 150 {
			var state bytes.Buffer
			take(c.Flush(now))
			if err := c.Freeze()(&state); err != nil {
				t.Fatal(err)
			}
			defer checkSame(t, c, state.Bytes(), len(records), &records)
		}
	}
	take(c.Flush(300 * time.Second))
}

// checkSame compares what the records make of a coordinator with what a snapshot
// and the records behind it do.
func checkSame(t *testing.T, live *Coordinator, snapshot []byte, behind int, records *[][]byte) {
	whole, rest := New(live.config), New(live.config)
	if err := rest.Restore(uint64(behind), snapshot); err != nil {
		t.Fatal(err)
	}
	for i, r := range *records {
		if err := whole.Recover(r); err != nil {
			t.Fatal(err)
		}
		if i >= behind {
			if err := rest.Recover(r); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !bytes.Equal(whole.Snapshot(), rest.Snapshot()) {
		t.Error("records and snapshot come to different memories")
	}
	if len(whole.committed()) != len(live.committed()) || len(whole.committed()) == 0 || whole.table.live != live.table.live {
		t.Errorf("%d commits are open, %d receipts; live they are %d and %d", len(whole.committed()), whole.table.live,
			len(live.committed()), live.table.live)
	}
	for n := 0; n < len(snapshot); n += 97 {
		_ = New(live.config).Restore(1, snapshot[:n]) // it must not panic
	}
}

// A record that is not as it was written is refused or changes nothing that was
// not in it: it never panics.
func FuzzRecover(f *testing.F) {
	c := New(Config{Gateway: 1, Banks: []string{"alpha", "beta"}})
	m := &model{c: c, all: map[scoped]Receipt{}, ages: map[scoped]time.Duration{}}
	f.Add(c.epochRecord())
	m.add("u", "k", 1)
	f.Add(c.table.find(0, []byte("k")))
	f.Add([]byte{kindEnds, 1, 1, 2, 3})
	f.Add([]byte{kindCancelled, 0, 0, 0, 0, 0, 1, 'k'})
	f.Fuzz(func(t *testing.T, record []byte) {
		c := New(Config{Gateway: 1, Banks: []string{"alpha", "beta"}})
		for _, name := range []string{"u", "alpha", "beta"} {
			if err := c.Recover(tx.AppendText([]byte{kindName}, name)); err != nil {
				t.Fatal(err)
			}
		}
		if c.Recover(record) == nil {
			c.Begin(0)
			again := New(c.config)
			if err := again.Restore(1, c.Snapshot()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// bytes returns what the table takes.
func (t *table) bytes() int64 {
	n := int64(len(t.chunks)) * chunkSize
	for i := range t.shards {
		n += 8 * int64(len(t.shards[i].slots))
	}
	return n
}
