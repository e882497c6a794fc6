package wallet_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/connectivity"

	"dyno/internal/journal"
	"dyno/systems/strife/core/outbox"
	"dyno/systems/strife/wallet"
)

// fake is a gateway that says what it is told to.
type fake struct {
	mu      sync.Mutex
	up      bool
	changed chan struct{}
	answer  outbox.Answer
	asked   []string // keys
}

func newFake(up bool) *fake {
	return &fake{up: up, changed: make(chan struct{}), answer: ended(outbox.Paid)}
}

func ended(o outbox.Outcome) outbox.Answer {
	return outbox.Answer{Verdict: outbox.Ended, Result: outbox.Result{Outcome: o}}
}

func (f *fake) set(up bool, a outbox.Answer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.up, f.answer = up, a
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *fake) Attempt(_ context.Context, a outbox.Attempt) outbox.Answer {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.up {
		return outbox.Answer{Verdict: outbox.Again}
	}
	f.asked = append(f.asked, a.Payment.Key)
	return f.answer
}

func (f *fake) Connect() {}

func (f *fake) GetState() connectivity.State {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.up {
		return connectivity.Ready
	}
	return connectivity.TransientFailure
}

func (f *fake) WaitForStateChange(ctx context.Context, from connectivity.State) bool {
	for f.GetState() == from {
		f.mu.Lock()
		changed := f.changed
		f.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// user is who is told.
type user struct {
	dir    string
	told   chan outbox.Notice
	logins chan struct{} // a login is needed
}

func newUser(t *testing.T) *user {
	return &user{dir: t.TempDir(), told: make(chan outbox.Notice, 100), logins: make(chan struct{}, 100)}
}

func (u *user) options(g wallet.Gateway) wallet.Options {
	return wallet.Options{
		Dir: u.dir, User: "ada", Gateway: g,
		Notify: func(n outbox.Notice) { u.told <- n },
		Login: func(ctx context.Context) {
			u.logins <- struct{}{}
			wallet.AwaitSession(ctx, u.dir, wallet.Session{Token: "old"})
		},
	}
}

func (u *user) open(t *testing.T, g wallet.Gateway) *wallet.Queue {
	t.Helper()
	q, err := wallet.Open(u.options(g))
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func payment(key string) outbox.Payment {
	return outbox.Payment{Key: key, From: "alpha/1", To: "beta/2", Minor: 1250, Currency: "EUR"}
}

func pay(t *testing.T, q wallet.Payer, key string) wallet.Reply {
	t.Helper()
	r, err := q.Pay(t.Context(), payment(key), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func closed(t *testing.T, q wallet.Payer) {
	t.Helper()
	if err := q.Close(); err != nil {
		t.Error(err)
	}
}

func TestPaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, g := newUser(t), newFake(true)
		q := u.open(t, g)
		if r := pay(t, q, "k1"); r.Result == nil || r.Result.Outcome != outbox.Paid {
			t.Errorf("%+v", r)
		}
		g.set(true, outbox.Answer{Verdict: outbox.Failed, Result: outbox.Result{Reason: "a bank is away"}})
		if r := pay(t, q, "k2"); r.Result == nil || r.Result.Outcome != outbox.Aborted || r.Result.Reason != "a bank is away" {
			t.Errorf("an attempt that came to nothing: %+v", r)
		}
		g.set(true, outbox.Answer{Verdict: outbox.Login})
		if r := pay(t, q, "k3"); r.Result == nil || r.Result.Outcome != outbox.Refused {
			t.Errorf("without a login: %+v", r)
		}
		synctest.Wait()
		if n := len(u.told); n != 3 || len(q.Items()) > 0 {
			t.Errorf("told of %d of 3 ends, %d payments left", n, len(q.Items()))
		}
		closed(t, q)
	})
}

// What is queued while the gateway is away is sent when it is back, in order,
// also by another process.
func TestOffline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, g := newUser(t), newFake(false)
		q := u.open(t, g)
		for _, k := range []string{"k1", "k2", "k1"} {
			if r := pay(t, q, k); !r.Queued {
				t.Errorf("%s: %+v, want queued", k, r)
			}
		}
		other := payment("k1")
		other.Minor = 1
		if r, err := q.Pay(t.Context(), other, time.Second); err != nil || r.Rejected == "" {
			t.Errorf("another payment under the key: %+v, %v", r, err)
		}
		closed(t, q)
		items, err := wallet.Look(u.dir, "ada")
		if err != nil || len(items) != 2 || items[0].Payment != payment("k1") || items[0].State != outbox.Queued {
			t.Errorf("the queue holds %+v, %v", items, err)
		}
		q = u.open(t, g)
		g.set(true, outbox.Answer{Verdict: outbox.Failed}) // a bank is away
		time.Sleep(time.Second)
		g.set(true, ended(outbox.Paid))
		for _, want := range []string{"k1", "k2"} {
			if n := <-u.told; n.Payment.Key != want || n.Result.Outcome != outbox.Paid {
				t.Errorf("told of %+v, want %s paid", n, want)
			}
		}
		closed(t, q)
		if items, err := wallet.Look(u.dir, "ada"); err != nil || len(items) > 0 {
			t.Errorf("the queue holds %+v, %v", items, err)
		}
	})
}

func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, g := newUser(t), newFake(false)
		q := u.open(t, g)
		pay(t, q, "k1")
		r, err := q.Cancel(t.Context(), "k1")
		if err != nil || r.Result == nil || r.Result.Outcome != outbox.Cancelled {
			t.Errorf("%+v, %v", r, err)
		}
		if r, err := q.Cancel(t.Context(), "k2"); err != nil || r.Rejected == "" {
			t.Errorf("a key that is not there: %+v, %v", r, err)
		}
		g.set(true, ended(outbox.Paid))
		time.Sleep(time.Minute)
		if len(g.asked) > 0 {
			t.Errorf("sent: %q", g.asked)
		}
		closed(t, q)
	})
}

// A queue whose session is over says so once, and goes on with the next one.
func TestLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, g := newUser(t), newFake(false)
		q := u.open(t, g)
		pay(t, q, "k1")
		if err := (wallet.Session{Token: "old"}).Write(u.dir); err != nil {
			t.Fatal(err)
		}
		g.set(true, outbox.Answer{Verdict: outbox.Login})
		<-u.logins
		time.Sleep(time.Minute)
		if n := len(g.asked); n != 1 {
			t.Errorf("sent %d times without a session", n)
		}
		g.set(true, ended(outbox.Paid))
		if err := (wallet.Session{Token: "new"}).Write(u.dir); err != nil {
			t.Fatal(err)
		}
		<-u.told
		if len(u.logins) > 0 {
			t.Error("asked for more than one login")
		}
		closed(t, q)
	})
}

// Commands of one user share the queue: a long-lived one takes what others ask
// for, a short one is waited for.
func TestShared(t *testing.T) {
	u, g := newUser(t), newFake(true)
	q := u.open(t, g)
	if _, err := wallet.Open(u.options(g)); !errors.Is(err, journal.ErrLocked) {
		t.Fatalf("two owners: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- q.Serve(ctx) }()
	other, err := wallet.Join(t.Context(), u.options(newFake(false)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wallet.Own(t.Context(), u.options(g)); !errors.Is(err, wallet.ErrOwned) {
		t.Errorf("a second client: %v", err)
	}
	if r := pay(t, other, "k1"); r.Result == nil || r.Result.Outcome != outbox.Paid {
		t.Errorf("%+v", r)
	}
	<-u.told
	g.set(false, ended(outbox.Paid))
	if r := pay(t, other, "k2"); !r.Queued {
		t.Errorf("%+v", r)
	}
	if r, err := other.Cancel(t.Context(), "k2"); err != nil || r.Result == nil || r.Result.Outcome != outbox.Cancelled {
		t.Errorf("%+v, %v", r, err)
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(u.dir, "owner")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket's name is left behind: %v", err)
	}
	waited := make(chan wallet.Payer)
	go func() {
		p, err := wallet.Join(t.Context(), u.options(g))
		if err != nil {
			t.Error(err)
		}
		waited <- p
	}()
	closed(t, q)
	if p := <-waited; p != nil {
		closed(t, p)
	}
	if !slices.Equal(g.asked, []string{"k1"}) {
		t.Errorf("sent %q", g.asked)
	}
}

// Nothing in the queue's files lets anybody pay.
func TestNoCredentials(t *testing.T) {
	u, g := newUser(t), newFake(true)
	const canary = "a-token-that-must-not-be-there"
	if err := (wallet.Session{User: "ada", Token: canary}).Write(u.dir); err != nil {
		t.Fatal(err)
	}
	q := u.open(t, g)
	pay(t, q, "k1")
	closed(t, q)
	files, err := filepath.Glob(filepath.Join(u.dir, "queue", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%q, %v", files, err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil || bytes.Contains(text, []byte(canary)) {
			t.Errorf("%s holds the token, or cannot be read: %v", f, err)
		}
	}
	if i, err := os.Stat(filepath.Join(u.dir, "session")); err != nil || i.Mode().Perm() != 0o600 {
		t.Errorf("the session: %v, %v", i, err)
	}
}

// A queue of thousands of payments does not grow for ever, and what is in it
// outlives the snapshots.
func TestCompact(t *testing.T) {
	u, g := newUser(t), newFake(true)
	q := u.open(t, g)
	for i := range 700 { // three records each
		pay(t, q, fmt.Sprint("k", i))
		<-u.told
	}
	g.set(false, ended(outbox.Paid))
	pay(t, q, "last")
	closed(t, q)
	if snapshots, err := filepath.Glob(filepath.Join(u.dir, "queue", "*.snapshot")); err != nil || len(snapshots) != 1 {
		t.Errorf("snapshots %q, %v", snapshots, err)
	}
	items, err := wallet.Look(u.dir, "ada")
	if err != nil || len(items) != 1 || items[0].Payment != payment("last") || items[0].ID != 701 {
		t.Errorf("the queue holds %+v, %v", items, err)
	}
}
