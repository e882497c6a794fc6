package server_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"dyno/internal/rpc"
	v1 "dyno/proto/strife/v1"
	"dyno/systems/strife/security"
	"dyno/systems/strife/site"
)

// Holes seen in other gateways of this kind, of those that are a server's: each
// has its test here. The protocol's are with the cores.

// An amount below nothing would take money from whom it is paid to. The gateway
// refuses it, and a bank does not rely on that.
func TestHoleNegativeAmounts(t *testing.T) {
	w := newWorld(t, site.Plan{Banks: 2, Users: 2, Balance: opening, Same: true}).start()
	alice, bob := w.login(0), w.login(1)
	for cents, want := range map[int64]codes.Code{
		-5: codes.InvalidArgument, 0: codes.InvalidArgument, -1 << 63: codes.InvalidArgument, 1<<63 - 1: codes.InvalidArgument,
	} {
		_, err := alice.pay(within(t), "k", bob.made, cents)
		wants(t, "cents", err, want)
	}
	for _, currency := range []string{"", "eur", "XXX", "EURO"} {
		_, err := alice.Pay(alice.context(within(t)), &v1.PayRequest{
			Key: "k", To: &v1.Account{Bank: bob.made.Bank, Number: bob.made.Account}, Amount: &v1.Money{Minor: 1, Currency: currency},
		})
		wants(t, currency, err, codes.InvalidArgument)
	}
	w.stop(security.TheGateway) // and now somebody with the gateway's certificate
	stream, err := v1.NewBankServiceClient(w.dial(security.TheGateway, alpha)).Exchange(within(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&v1.ExchangeRequest{Hello: &v1.Hello{Bank: "alpha"}}); err != nil {
		t.Fatal(err)
	}
	legs := func(minor ...int64) (out []*v1.Leg) {
		for _, m := range minor {
			out = append(out, &v1.Leg{Account: alice.made.Account, Amount: &v1.Money{Minor: m, Currency: "EUR"}})
		}
		return out
	}
	for i, l := range [][]*v1.Leg{legs(0), legs(), legs(-5, -5, 10), legs(-1 << 63), legs(1<<63 - 1), legs(-opening - 1), legs(5, 5)} {
		m := &v1.ExchangeRequest{Prepares: []*v1.Prepare{{Tx: &v1.TxID{Gateway: 1, Epoch: 99, Number: uint64(i + 1)}, Legs: l}}}
		if err := stream.Send(m); err != nil {
			t.Fatal(err)
		}
		answer, err := stream.Recv()
		if err != nil || len(answer.GetVotes()) != 1 || answer.GetVotes()[0].GetYes() {
			t.Errorf("legs %v: %v, %v; want no", l, answer, err)
		}
	}
}

// A payment that cannot be is refused with the field that is to blame.
func TestPayBlamesTheField(t *testing.T) {
	w := newWorld(t, site.Plan{Banks: 1, Users: 2, Same: true}).start()
	alice, to := w.login(0), &v1.Account{Bank: "alpha", Number: w.made.Users[1].Account}
	long := strings.Repeat("1", 1000)
	for _, c := range []struct {
		key   string
		to    *v1.Account
		cents int64
		field string
	}{
		{"", to, 1, "key"},
		{long, to, 1, "key"},
		{"k", nil, 1, "to"},
		{"k", &v1.Account{Bank: "alpha"}, 1, "to"},
		{"k", &v1.Account{Bank: "alpha", Number: long}, 1, "to"},
		{"k", &v1.Account{Bank: "alpha", Number: alice.made.Account}, 1, "to"},
		{"k", to, 0, "amount"},
	} {
		_, err := alice.Pay(alice.context(within(t)), &v1.PayRequest{Key: c.key, To: c.to, Amount: &v1.Money{Minor: c.cents, Currency: "EUR"}})
		wants(t, c.field, err, codes.InvalidArgument)
		if got := rpc.FieldOf(err); got != c.field {
			t.Errorf("key %.9q to %.40v, %d cents: blames %q, want %q: %v", c.key, c.to, c.cents, got, c.field, err)
		}
	}
}

func TestHoleLogoutThatDoesNotRevoke(t *testing.T) {
	w := newWorld(t, site.Plan{Banks: 1, Users: 2, Same: true}).start()
	alice := w.login(0)
	if _, err := alice.Logout(alice.context(within(t)), &v1.LogoutRequest{}); err != nil {
		t.Fatal(err)
	}
	_, err := alice.pay(within(t), "k", w.made.Users[1], 1)
	wants(t, "a payment with the token that was given up", err, codes.Unauthenticated)
}

// Each bank keeps what is its own where no other bank writes, and knows nothing
// of others' customers.
func TestHoleOneSharedFileForAllBanks(t *testing.T) {
	w := newWorld(t, site.Plan{Banks: 2, Users: 4, Same: true}).start()
	for _, p := range w.parties() {
		w.stop(p)
	}
	for own, other := range map[string]string{"alpha": "bob", "beta": "alice"} { // bob's account is at beta
		dir := w.dir.Journal(security.Party{Role: security.Bank, Name: own})
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s has no journal: %v", own, err)
		}
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil || strings.Contains(string(text), other) {
				t.Errorf("%s holds what is of %s: %v", name, other, err)
			}
		}
	}
}

func TestHoleKeysNotScopedToTheUser(t *testing.T) {
	w := newWorld(t, site.Plan{Banks: 2, Users: 4, Balance: opening, Same: true}).start()
	alice, carol, bob := w.login(0), w.login(2), w.made.Users[1]
	first, err := alice.pay(within(t), "same", bob, 10)
	if err != nil {
		t.Fatal(err)
	}
	second, err := carol.pay(within(t), "same", bob, 20)
	if err != nil || second.GetId() == first.GetId() || second.GetAmount().GetMinor() != 20 {
		t.Errorf("%v, %v", second, err)
	}
	got, err := alice.GetPayment(alice.context(within(t)), &v1.GetPaymentRequest{Key: "same"})
	if err != nil || got.GetPayment().GetId() != first.GetId() {
		t.Errorf("%v, %v", got, err)
	}
}

// A retry is told what the first attempt was told, not that there is one.
func TestHoleRetryReturnsAlreadyExists(t *testing.T) {
	w := newWorld(t, site.Plan{Banks: 2, Users: 2, Balance: opening, Same: true}).start()
	alice, bob := w.login(0), w.made.Users[1]
	answers := make(chan answer, 8)
	for range cap(answers) {
		go func() {
			p, err := alice.pay(context.Background(), "k", bob, 10)
			answers <- answer{p, err}
		}()
	}
	id := ""
	for range cap(answers) {
		a := <-answers
		if a.err != nil || id != "" && a.payment.GetId() != id {
			t.Errorf("%v, %v; others are told %s", a.payment, a.err, id)
		}
		id = a.payment.GetId()
	}
	settles(t, alice, opening-10)
}

// When a bank does not vote in time, the payment is aborted and the payer's
// money is free again, and the same key pays once when the bank is back.
func TestHolePrepareTimeoutLeavesAccountLocked(t *testing.T) {
	w := newWorld(t, site.Plan{Banks: 2, Users: 2, Balance: opening, Same: true})
	w.host(alpha)
	silence := silent(w, beta)
	w.host(security.TheGateway, "--prepare-timeout", "100ms")
	alice, bob := w.login(0), w.made.Users[1]
	_, err := alice.pay(within(t), "k", bob, opening)
	wants(t, "with a bank that does not answer", err, codes.Aborted)
	settles(t, alice, opening)
	silence()
	w.host(beta)
	for deadline := time.Now().Add(patience); ; {
		_, err := alice.pay(within(t), "k", bob, opening, grpc.WaitForReady(true))
		if err == nil {
			break
		}
		if c := status.Code(err); c != codes.Aborted && c != codes.Unavailable || time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	settles(t, alice, 0)
	settles(t, w.login(1), 2*opening)
}

// mute is a bank that listens and never says a word.
type mute struct {
	v1.UnimplementedBankServiceServer
}

func (mute) Exchange(s grpc.BidiStreamingServer[v1.ExchangeRequest, v1.ExchangeResponse]) error {
	if err := s.SendHeader(nil); err != nil {
		return err
	}
	<-s.Context().Done()
	return s.Context().Err()
}

// silent serves in a bank's place until it is told to end.
func silent(w *world, p security.Party) (end func()) {
	w.Helper()
	config, err := security.ServerTLS(w.dir.Keys(), p)
	if err != nil {
		w.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, served := make(chan struct{}), make(chan error, 1)
	go func() {
		served <- rpc.Serve(ctx, rpc.Options{
			TLS: config, Grace: time.Millisecond,
			Ready: func(addr string) {
				if err := w.dir.Publish(p, addr); err != nil {
					w.Error(err)
				}
				close(ready)
			},
		}, func(r grpc.ServiceRegistrar) { v1.RegisterBankServiceServer(r, mute{}) })
	}()
	<-ready
	return func() {
		cancel()
		if err := <-served; err != nil {
			w.Error(err)
		}
	}
}
