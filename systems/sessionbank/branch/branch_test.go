package branch_test

import (
	"math"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"dyno/internal/branches/group"
	"dyno/internal/rpc"
	"dyno/internal/rpc/rpctest"
	sessionbankv1 "dyno/proto/sessionbank/v1"
	"dyno/systems/sessionbank/branch"
)

// one is a branch, the other of which cannot be reached.
func one(t *testing.T) (sessionbankv1.SessionBankServiceClient, sessionbankv1.PropagationServiceClient) {
	t.Helper()
	b, err := branch.Open(branch.Options{ID: 1, Peers: group.Peers{2: "127.0.0.1:1"}, Balance: 100, Wait: branch.DefaultWait})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	conn, _ := rpctest.Start(t, rpc.Options{}, b.Register)
	return sessionbankv1.NewSessionBankServiceClient(conn), sessionbankv1.NewPropagationServiceClient(conn)
}

// What makes no sense is refused with the field that is to blame, and changes nothing.
func TestBlamesTheField(t *testing.T) {
	bank, _ := one(t)
	for field, q := range map[string]*sessionbankv1.DepositRequest{
		"session.id":         {Number: 1, Amount: 1},
		"number":             {Session: &sessionbankv1.Session{Id: "a"}, Amount: 1},
		"amount":             {Session: &sessionbankv1.Session{Id: "a"}, Number: 1, Amount: math.MinInt64},
		"session.token":      {Session: &sessionbankv1.Session{Id: "a", Token: []byte("no token")}, Number: 1, Amount: 1},
		"session.token_kind": {Session: &sessionbankv1.Session{Id: "a", TokenKind: 9}, Number: 1, Amount: 1},
		"session.guarantees": {Session: &sessionbankv1.Session{Id: "a", Guarantees: []sessionbankv1.Guarantee{1, 99}}, Number: 1, Amount: 1},
	} {
		_, err := bank.Deposit(t.Context(), q)
		if status.Code(err) != codes.InvalidArgument || rpc.FieldOf(err) != field {
			t.Errorf("%s: blames %q: %v", field, rpc.FieldOf(err), err)
		}
	}
	got, err := bank.Describe(t.Context(), &sessionbankv1.DescribeRequest{})
	if err != nil || got.GetBalance() != 100 || got.GetLength() != 0 {
		t.Errorf("%v, %v", got, err)
	}
}

// A stream of another branch ends well when that has said all, and is refused for
// a kind of message that there is not, also one that is 1 in its last eight bits.
func TestPropagate(t *testing.T) {
	_, peer := one(t)
	for kind, want := range map[uint32]codes.Code{3: codes.OK, 0: codes.InvalidArgument, 77: codes.InvalidArgument, 257: codes.InvalidArgument} {
		stream, err := peer.Propagate(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		m := &sessionbankv1.Message{From: 2, To: 1, Kind: kind}
		if err := stream.Send(&sessionbankv1.PropagateRequest{Message: m}); err != nil {
			t.Fatal(err)
		}
		if _, err := stream.CloseAndRecv(); status.Code(err) != want {
			t.Errorf("kind %d: %v, want %v", kind, err, want)
		}
	}
}
