package server_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"dyno/internal/record"
	"dyno/internal/replica"
	"dyno/internal/rpc"
	branchbankv1 "dyno/proto/branchbank/v1"
	"dyno/proto/seed/bankservice"
	"dyno/systems/branchbank/core/branch"
	"dyno/systems/branchbank/server"
)

// served is a branch that listens.
type served struct {
	*server.Branch
	stop  context.CancelFunc
	ended chan error
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return lis
}

// serve opens one of two branches, 1 and 2, and serves it.
func serve(t *testing.T, lis net.Listener, id, other branch.ID, otherAddr, data string) *served {
	t.Helper()
	b, err := server.Open(server.Options{
		Core:      branch.Config{Self: id, Balance: 100, Mode: branch.Sync, Funds: branch.Optimistic, Retry: 20 * time.Millisecond},
		Addresses: map[branch.ID]string{other: otherAddr}, Data: data, Timeout: 300 * time.Millisecond, Compact: 5,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	s := &served{Branch: b, stop: stop, ended: make(chan error, 1)}
	go func() { s.ended <- s.Serve(ctx, rpc.Options{Listener: lis}) }()
	return s
}

// end stops a branch and returns how serving ended.
func (s *served) end(t *testing.T) error {
	t.Helper()
	s.stop()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	return <-s.ended
}

// While another branch is away, a customer under sync is told that the outcome is
// not known; the same request tells once it is back, and happens once.
func TestUnknownUntilItIsKnown(t *testing.T) {
	one, two := listen(t), listen(t)
	addr := two.Addr().String()
	_ = two.Close() // nobody is there yet
	first := serve(t, one, 1, 2, addr, t.TempDir())
	req := &branchbankv1.ExecuteRequest{Kind: branchbankv1.Kind_KIND_DEPOSIT, Amount: 5, RequestId: "r"}
	_, err := first.Execute(t.Context(), req)
	if status.Code(err) != codes.Unavailable || rpc.Outcome(err) != record.Unknown {
		t.Fatalf("with a branch away: %v", err)
	}
	lis, err := net.Listen("tcp", addr)
	if err != nil {
		t.Skip(err) // somebody else has the port by now
	}
	second := serve(t, lis, 2, 1, one.Addr().String(), t.TempDir())
	for err = errors.New("not yet"); err != nil && t.Context().Err() == nil; {
		_, err = first.Execute(t.Context(), req)
	}
	for i, b := range []*served{first, second} {
		resp, err := b.Execute(t.Context(), &branchbankv1.ExecuteRequest{Kind: branchbankv1.Kind_KIND_QUERY})
		if err != nil || resp.GetBalance() != 105 {
			t.Errorf("branch %d: %v %v", i+1, resp, err)
		}
		if err := b.end(t); err != nil {
			t.Error(err)
		}
	}
}

// A branch that comes back without its journal stops as soon as another one tells
// it what it has forgotten.
func TestForgotten(t *testing.T) {
	one, two := listen(t), listen(t)
	first := serve(t, one, 1, 2, two.Addr().String(), "")
	second := serve(t, two, 2, 1, one.Addr().String(), "")
	deposit := &branchbankv1.ExecuteRequest{Kind: branchbankv1.Kind_KIND_DEPOSIT, Amount: 5}
	for range 2 {
		if _, err := first.Execute(t.Context(), deposit); err != nil {
			t.Fatal(err)
		}
	}
	if err := first.end(t); err != nil {
		t.Error(err)
	}
	again := serve(t, listen(t), 1, 2, two.Addr().String(), "")
	_, _ = again.Execute(t.Context(), deposit)
	if err := <-again.ended; !errors.As(err, new(*replica.ForgottenError)) {
		t.Errorf("it ended with %v", err)
	}
	if err := errors.Join(again.Close(), second.end(t)); err != nil {
		t.Error(err)
	}
}

// Requests that no branch can fulfil say what is wrong with them.
func TestInvalid(t *testing.T) {
	b := serve(t, listen(t), 1, 2, "127.0.0.1:1", "")
	for name, call := range map[string]func() error{
		"kind": func() error {
			_, err := b.Execute(t.Context(), &branchbankv1.ExecuteRequest{Kind: branchbankv1.Kind_KIND_GIVE, Amount: 1})
			return err
		},
		"amount": func() error {
			_, err := b.Execute(t.Context(), &branchbankv1.ExecuteRequest{Kind: branchbankv1.Kind_KIND_DEPOSIT})
			return err
		},
		"message": func() error {
			m := &branchbankv1.Message{From: 3, To: 1, Content: &branchbankv1.Message_Ack{Ack: 1}}
			_, err := b.Deliver(t.Context(), &branchbankv1.DeliverRequest{Message: m})
			return err
		},
	} {
		if err := call(); rpc.FieldOf(err) != name {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := b.end(t); err != nil {
		t.Error(err)
	}
}

// Through the course's service a write of another branch with origin and sequence
// is applied once and in order; one without is a term from outside.
func TestSeedPropagates(t *testing.T) {
	lis := listen(t)
	b := serve(t, lis, 1, 2, "127.0.0.1:1", "")
	conn, err := server.Dial(lis.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := bankservice.NewBankServiceClient(conn)
	for i, call := range []struct {
		req     *bankservice.BranchRequest
		success bool
		balance string
	}{
		{&bankservice.BranchRequest{Amount: 7, Origin: 2, Sequence: 2}, false, "100"}, // it waits for the first
		{&bankservice.BranchRequest{Amount: 5, Origin: 2, Sequence: 1}, true, "112"},
		{&bankservice.BranchRequest{Amount: 5, Origin: 2, Sequence: 1}, true, "112"},
		{&bankservice.BranchRequest{Amount: 1}, true, "113"},
		{&bankservice.BranchRequest{Amount: 1, Origin: 9, Sequence: 1}, false, "113"},
	} {
		resp, err := c.Propagate_Deposit(t.Context(), call.req)
		if err != nil || resp.GetSuccess() != call.success {
			t.Errorf("%d: %v %v", i, resp, err)
		}
		if q, err := c.Query(t.Context(), &bankservice.BalanceQuery{}); err != nil || q.GetMessage() != call.balance {
			t.Errorf("%d: the balance is %v, %v; want %s", i, q, err, call.balance)
		}
	}
	if err := b.end(t); err != nil {
		t.Error(err)
	}
}

func FuzzParsePeers(f *testing.F) {
	f.Add("1=127.0.0.1:50001, 2=@/tmp/2")
	f.Fuzz(func(t *testing.T, text string) {
		peers, err := server.ParsePeers(text)
		for id, addr := range peers {
			if err != nil || id < 1 || addr == "" {
				t.Errorf("%q: %v %v", text, peers, err)
			}
		}
	})
}
