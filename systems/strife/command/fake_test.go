package command_test

import (
	"context"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"dyno/internal/rpc"
	strifev1 "dyno/proto/strife/v1"
)

// fakeGateway is one bank with its gateway in a map: enough for what users see.
type fakeGateway struct {
	strifev1.UnimplementedGatewayServiceServer
	mu      sync.Mutex
	away    bool                         // its banks are
	token   string                       // of the one session
	balance int64                        // of the one account, alpha/1001
	done    map[string]*strifev1.Payment // by key
	asked   int
}

func (g *fakeGateway) Login(_ context.Context, r *strifev1.LoginRequest) (*strifev1.LoginResponse, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if r.GetPassword() != "secret" {
		return nil, rpc.Errorf(rpc.Unauthenticated, "user or password is wrong")
	}
	g.token = "token-" + r.GetUser()
	return &strifev1.LoginResponse{Token: g.token, IdleMs: 900_000}, nil
}

// enter lets in who has the session.
func (g *fakeGateway) enter(ctx context.Context) error {
	md, _ := metadata.FromIncomingContext(ctx)
	if got := md.Get("authorization"); len(got) != 1 || g.token == "" || got[0] != "Bearer "+g.token {
		return rpc.Errorf(rpc.Unauthenticated, "no session")
	}
	return nil
}

func (g *fakeGateway) Logout(ctx context.Context, _ *strifev1.LogoutRequest) (*strifev1.LogoutResponse, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	err := g.enter(ctx)
	g.token = ""
	return &strifev1.LogoutResponse{}, err
}

func (g *fakeGateway) WhoAmI(ctx context.Context, _ *strifev1.WhoAmIRequest) (*strifev1.WhoAmIResponse, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return &strifev1.WhoAmIResponse{User: "alice", Role: "customer", Account: &strifev1.Account{Bank: "alpha", Number: "1001"}}, g.enter(ctx)
}

func (g *fakeGateway) Pay(ctx context.Context, r *strifev1.PayRequest) (*strifev1.PayResponse, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.enter(ctx); err != nil {
		return nil, err
	}
	g.asked++
	p, known := g.done[r.GetKey()]
	switch {
	case known && (p.GetAmount().GetMinor() != r.GetAmount().GetMinor() || p.GetTo().GetNumber() != r.GetTo().GetNumber()):
		return nil, rpc.InvalidField("key", "it stands for another payment")
	case known:
		if err := grpc.SetHeader(ctx, metadata.Pairs("replayed", "true")); err != nil {
			return nil, err
		}
		return &strifev1.PayResponse{Payment: p}, nil
	case g.away:
		return nil, rpc.Errorf(rpc.Unavailable, "bank alpha is away")
	case r.GetTo().GetNumber() == "nobody":
		return nil, rpc.Errorf(rpc.NotFound, "no such account")
	case r.GetAmount().GetMinor() > g.balance:
		return nil, rpc.Errorf(rpc.Declined, "funds")
	}
	g.balance -= r.GetAmount().GetMinor()
	p = &strifev1.Payment{Key: r.GetKey(), Id: "1.1.7", Status: strifev1.PaymentStatus_PAYMENT_STATUS_PAID, To: r.GetTo(), Amount: r.GetAmount()}
	g.done[r.GetKey()] = p
	return &strifev1.PayResponse{Payment: p}, nil
}

func (g *fakeGateway) GetPayment(ctx context.Context, r *strifev1.GetPaymentRequest) (*strifev1.GetPaymentResponse, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := g.done[r.GetKey()]
	if p == nil {
		return nil, rpc.Errorf(rpc.NotFound, "no payment has this key")
	}
	return &strifev1.GetPaymentResponse{Payment: p}, g.enter(ctx)
}

func (g *fakeGateway) CancelPayment(ctx context.Context, r *strifev1.CancelPaymentRequest) (*strifev1.CancelPaymentResponse, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := g.done[r.GetKey()]
	if p == nil {
		p = &strifev1.Payment{Key: r.GetKey(), Status: strifev1.PaymentStatus_PAYMENT_STATUS_CANCELLED}
	}
	return &strifev1.CancelPaymentResponse{Payment: p}, g.enter(ctx)
}

func (g *fakeGateway) GetBalance(ctx context.Context, _ *strifev1.GetBalanceRequest) (*strifev1.GetBalanceResponse, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	m := &strifev1.Money{Minor: g.balance, Currency: "EUR"}
	return &strifev1.GetBalanceResponse{Account: &strifev1.Account{Bank: "alpha", Number: "1001"}, Balance: m, Available: m}, g.enter(ctx)
}

func (g *fakeGateway) ListPayments(ctx context.Context, _ *strifev1.ListPaymentsRequest) (*strifev1.ListPaymentsResponse, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	r := &strifev1.ListPaymentsResponse{}
	for _, p := range g.done {
		r.Payments = append(r.Payments, p)
	}
	return r, g.enter(ctx)
}
