package main

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"dyno/bench/driver"
	"dyno/internal/journal"
	"dyno/internal/record"
)

// cluster speaks PostgreSQL's protocol as far as simple queries go, and answers
// what a test wants to each statement.
type cluster struct {
	addr   string
	answer func(statement string) pgproto3.BackendMessage // nil: its first two words
	rows   []string                                       // the answer to a SELECT of gid

	mu    sync.Mutex
	asked []string
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{addr: l.Addr().String()}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() { c.serve(conn) })
			t.Cleanup(func() { _ = conn.Close() })
		}
	})
	t.Cleanup(func() { _ = l.Close() })
	return c
}

func (c *cluster) serve(conn net.Conn) {
	b := pgproto3.NewBackend(conn, conn)
	if _, err := b.ReceiveStartupMessage(); err != nil {
		return
	}
	b.Send(&pgproto3.AuthenticationOk{})
	for {
		b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		if b.Flush() != nil {
			return
		}
		m, err := b.Receive()
		q, ok := m.(*pgproto3.Query)
		if err != nil || !ok {
			return
		}
		for _, statement := range strings.Split(strings.TrimSuffix(q.String, ";"), ";") {
			if !c.say(b, statement) {
				break
			}
		}
	}
}

// say answers one statement; an error ends the query.
func (c *cluster) say(b *pgproto3.Backend, statement string) bool {
	c.mu.Lock()
	c.asked = append(c.asked, statement)
	c.mu.Unlock()
	if strings.HasPrefix(statement, "SELECT gid") {
		b.Send(&pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{{Name: []byte("gid")}}})
		for _, row := range c.rows {
			b.Send(&pgproto3.DataRow{Values: [][]byte{[]byte(row)}})
		}
	}
	var m pgproto3.BackendMessage
	if c.answer != nil {
		m = c.answer(statement)
	}
	if m == nil {
		words := strings.Fields(statement)
		m = complete(strings.Join(words[:min(2, len(words))], " "))
	}
	b.Send(m)
	_, failed := m.(*pgproto3.ErrorResponse)
	return !failed
}

func complete(tag string) pgproto3.BackendMessage {
	return &pgproto3.CommandComplete{CommandTag: []byte(tag)}
}

// heard are the statements of a kind that came, without the transaction's name.
func (c *cluster) heard(kinds ...string) (out []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.asked {
		for _, kind := range kinds {
			if strings.HasPrefix(s, kind) {
				out = append(out, kind)
				break
			}
		}
	}
	return out
}

// to answers statements of a kind with a message, and all others well.
func to(kind string, m pgproto3.BackendMessage) func(string) pgproto3.BackendMessage {
	return func(statement string) pgproto3.BackendMessage {
		if strings.HasPrefix(statement, kind) {
			return m
		}
		return nil
	}
}

const (
	commitPrepared   = "COMMIT PREPARED"
	rollbackPrepared = "ROLLBACK PREPARED"
)

// Both votes are asked for, the decision is logged before anybody hears of it, and
// only PREPARE's own tag is a vote.
func TestTwoPhases(t *testing.T) {
	const prepare = "PREPARE TRANSACTION"
	failed := &pgproto3.ErrorResponse{Severity: "ERROR", Code: "23514", Message: "the balance is too low"}
	for name, c := range map[string]struct {
		second  func(string) pgproto3.BackendMessage
		outcome record.Outcome
		logged  int
		ends    [2][]string // what each cluster hears at the end
	}{
		"two votes":           {nil, record.OK, 1, [2][]string{{commitPrepared}, {commitPrepared}}},
		"a rollback":          {to(prepare, complete("ROLLBACK")), record.Failed, 0, [2][]string{{rollbackPrepared}, nil}},
		"an error":            {to("SELECT leg", failed), record.Failed, 0, [2][]string{{rollbackPrepared}, nil}},
		"an error at prepare": {to(prepare, failed), record.Failed, 0, [2][]string{{rollbackPrepared}, nil}},
	} {
		t.Run(name, func(t *testing.T) {
			first, second, dir := newCluster(t), newCluster(t), t.TempDir()
			second.answer = c.second
			g, err := openGateway(t.Context(), []string{first.addr, second.addr}, 1, dir, "none")
			if err != nil {
				t.Fatal(err)
			}
			first.answer = func(statement string) pgproto3.BackendMessage {
				if strings.HasPrefix(statement, commitPrepared) && g.syncs() == 0 {
					t.Error("the decision is told before it is logged")
				}
				return nil
			}
			outcome, err := g.pay(t.Context(), payment{key: "k", from: 1, to: 2, amount: 3})
			if (err == nil) != (c.outcome == record.OK) || outcome != c.outcome {
				t.Errorf("%v, %v", outcome, err)
			}
			if c.outcome == record.OK { // asked again it is answered from memory
				if outcome, err := g.pay(t.Context(), payment{key: "k"}); outcome != record.OK || err != nil {
					t.Errorf("again: %v, %v", outcome, err)
				}
			}
			if err := g.close(); err != nil {
				t.Fatal(err)
			}
			for i, who := range []*cluster{first, second} {
				if got := who.heard(commitPrepared, rollbackPrepared); !slices.Equal(got, c.ends[i]) {
					t.Errorf("cluster %d was told %q, want %q", i, got, c.ends[i])
				}
			}
			if got := len(decisions(t, dir)); got != c.logged {
				t.Errorf("%d decisions are logged, want %d", got, c.logged)
			}
		})
	}
}

func decisions(t *testing.T, dir string) (all []string) {
	t.Helper()
	log, _, err := journal.Open(dir, journal.Options{Identity: identity}, func(e journal.Entry) error {
		all = append(all, string(e.Data))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	return all
}

// One cluster needs one transaction; a COMMIT that is answered ROLLBACK is none.
func TestOneCluster(t *testing.T) {
	c := newCluster(t)
	c.answer = to("COMMIT", complete("ROLLBACK"))
	g, err := openGateway(t.Context(), []string{c.addr}, 1, t.TempDir(), "none")
	if err != nil {
		t.Fatal(err)
	}
	if outcome, err := g.pay(t.Context(), payment{key: "k", from: 2, to: 1, amount: 1}); err == nil || outcome == record.OK {
		t.Errorf("%v, %v", outcome, err)
	}
	if err := g.close(); err != nil {
		t.Fatal(err)
	}
}

// What a coordinator that died has decided is committed, and all else is not.
func TestResolve(t *testing.T) {
	dir := t.TempDir()
	log, _, err := journal.Open(dir, journal.Options{Identity: identity}, func(journal.Entry) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.Append(t.Context(), []byte("a#1")); err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	first, second := newCluster(t), newCluster(t)
	first.rows, second.rows = []string{"a#1", "b#2"}, []string{"a#1"}
	fs := newFlags("resolve")
	act := resolve(fs)
	if err := fs.Parse([]string{"--log", dir, "--clusters", first.addr + "," + second.addr}); err != nil {
		t.Fatal(err)
	}
	got, err := act(t.Context())
	if want := (resolveReport{Decided: 1, Committed: 2, RolledBack: 1}); err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	want := []string{"SELECT gid FROM pg_prepared_xacts", "COMMIT PREPARED 'a#1'", "ROLLBACK PREPARED 'b#2'"}
	if !slices.Equal(first.asked, want) {
		t.Errorf("asked %q, want %q", first.asked, want)
	}
}

// Payments are between two accounts that are there, each under a key of its own.
func TestDraw(t *testing.T) {
	for _, clusters := range []int{1, 2} {
		p := &payer{flags: &driver.Flags{Seed: 1}, accounts: 3}
		keys := map[string]bool{}
		for client := range 4 {
			for n := range 100 {
				m := p.draw(client, n, clusters)
				if again := p.draw(client, n, clusters); again != m {
					t.Fatalf("%+v, and again %+v", m, again)
				}
				inside := min(m.from, m.to) >= 1 && max(m.from, m.to) <= 3 && m.source >= 0 && m.source < clusters
				if !inside || m.amount < 1 || m.amount > maxAmount || clusters == 1 && m.from == m.to || keys[m.key] {
					t.Fatalf("%d clusters: %+v", clusters, m)
				}
				keys[m.key] = true
			}
		}
	}
}

func TestBalances(t *testing.T) {
	row := func(fields ...string) (out [][]byte) {
		for _, f := range fields {
			out = append(out, []byte(f))
		}
		return out
	}
	if got, err := balances([][][]byte{row("3", "0")}); err != nil || !slices.Equal(got, []int64{3, 0}) {
		t.Errorf("%v, %v", got, err)
	}
	for _, rows := range [][][][]byte{nil, {row("1"), row("1")}, {row("")}, {{nil}}} {
		if got, err := balances(rows); err == nil {
			t.Errorf("%q: %v", rows, got)
		}
	}
	if got := fmt.Sprint(strings.Count(balancesSQL(6), "SELECT balance"), strings.Contains(balancesSQL(6), "$6")); got != "6 true" {
		t.Errorf("%s: %s", got, balancesSQL(6))
	}
}
