package gateway

import (
	"context"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"dyno/internal/rpc"
	v1 "dyno/proto/strife/v1"
	"dyno/systems/strife/gateway/access"
	"dyno/systems/strife/security"
	"dyno/systems/strife/site"
	"dyno/systems/strife/wire"
)

// note adds what a caller has done to the audit, durably.
func (g *gateway) note(ctx context.Context, what, who, detail string) error {
	return g.Audit.Force(context.WithoutCancel(ctx), security.Event{
		Time: time.Now(), What: what, Who: who, Cert: security.CallOf(ctx).CertID(), Detail: detail,
	})
}

// bankError tells what a bank says, and that it does not answer as what it is:
// a reason to try again.
func bankError(bank string, err error) error {
	if rpc.KindOf(err) != rpc.None {
		return err
	}
	if c := status.Code(err); c == codes.DeadlineExceeded || c == codes.Canceled {
		return err
	}
	return &rpc.Error{Kind: rpc.Unavailable, Message: "bank " + bank + " does not answer", RetryAfter: time.Second}
}

// Register implements v1.GatewayServiceServer.
func (g *gateway) Register(ctx context.Context, req *v1.RegisterRequest) (*v1.RegisterResponse, error) {
	if req.GetUser() != security.CallOf(ctx).Name {
		return nil, rpc.Errorf(rpc.Denied, "user: the certificate is not that user's")
	}
	if err := g.enter(ctx, req.GetUser(), req.GetPassword(), req.GetAccount(), nil); err != nil {
		return nil, err
	}
	return &v1.RegisterResponse{}, g.note(ctx, "registered", req.GetUser(), "")
}

// enter makes a user known whose account the bank holds, or opens.
func (g *gateway) enter(ctx context.Context, user, password string, a *v1.Account, opening *v1.Money) error {
	u := site.User{Name: user, Role: security.Customer, Bank: a.GetBank(), Account: a.GetNumber()}
	for what, name := range map[string]string{"user": u.Name, "account": u.Account} {
		if err := security.CheckName(what, name); err != nil {
			return err
		}
	}
	if err := security.CheckPassword(password); err != nil {
		return err
	}
	l := g.banks[u.Bank]
	if l == nil {
		return rpc.Errorf(rpc.NotFound, "there is no bank %q", u.Bank)
	}
	if err := g.access.Free(u); err != nil {
		return err
	}
	_, err := l.client().CheckAccount(ctx, &v1.CheckAccountRequest{Bank: u.Bank, Account: u.Account, User: user, Open: opening})
	if err != nil {
		return bankError(u.Bank, err)
	}
	return g.access.Add(ctx, u, password)
}

// Login implements v1.GatewayServiceServer.
func (g *gateway) Login(ctx context.Context, req *v1.LoginRequest) (*v1.LoginResponse, error) {
	call := security.CallOf(ctx)
	attempt, err := g.access.Login(ctx, call.Caller, req.GetUser(), req.GetPassword())
	what := "login"
	switch {
	case attempt.Locked:
		what = "login failed, locked out"
	case err != nil:
		what = "login failed"
	}
	if noted := g.note(ctx, what, call.Name, ""); noted != nil {
		return nil, noted
	}
	if err != nil {
		return nil, err
	}
	return &v1.LoginResponse{Token: attempt.Token, IdleMs: access.Idle.Milliseconds(), AbsoluteMs: access.Absolute.Milliseconds()}, nil
}

// Logout implements v1.GatewayServiceServer.
func (g *gateway) Logout(ctx context.Context, _ *v1.LogoutRequest) (*v1.LogoutResponse, error) {
	s := security.CallOf(ctx).Session
	if err := g.access.Logout(context.WithoutCancel(ctx), s); err != nil {
		return nil, err
	}
	return &v1.LogoutResponse{}, g.note(ctx, "logout", s.User, "")
}

// WhoAmI implements v1.GatewayServiceServer.
func (g *gateway) WhoAmI(ctx context.Context, _ *v1.WhoAmIRequest) (*v1.WhoAmIResponse, error) {
	s := security.CallOf(ctx).Session
	resp := &v1.WhoAmIResponse{User: s.User, Role: s.Role, LeftMs: time.Until(s.Ends).Milliseconds()}
	if s.Account != "" {
		resp.Account = &v1.Account{Bank: s.Bank, Number: s.Account}
	}
	return resp, nil
}

// AddUser implements v1.AdminServiceServer.
func (g *gateway) AddUser(ctx context.Context, req *v1.AddUserRequest) (*v1.AddUserResponse, error) {
	if req.GetBalance() != nil {
		if _, err := wire.ToMoney("balance", req.GetBalance()); err != nil {
			return nil, err
		}
	}
	if err := g.enter(ctx, req.GetUser(), req.GetPassword(), req.GetAccount(), req.GetBalance()); err != nil {
		return nil, err
	}
	return &v1.AddUserResponse{}, g.note(ctx, "user added", security.CallOf(ctx).Session.User, req.GetUser())
}

// ListAccounts implements v1.AdminServiceServer.
func (g *gateway) ListAccounts(context.Context, *v1.ListAccountsRequest) (*v1.ListAccountsResponse, error) {
	resp := &v1.ListAccountsResponse{}
	for _, u := range g.access.Users() {
		c := &v1.Customer{User: u.Name, Role: u.Role}
		if u.Account != "" {
			c.Account = &v1.Account{Bank: u.Bank, Number: u.Account}
		}
		resp.Customers = append(resp.Customers, c)
	}
	return resp, nil
}

// bank finds the line to a bank.
func (g *gateway) bank(name string) (*line, error) {
	if l := g.banks[name]; l != nil {
		return l, nil
	}
	return nil, rpc.Errorf(rpc.NotFound, "there is no bank %q", name)
}

// ListInDoubt implements v1.AdminServiceServer.
func (g *gateway) ListInDoubt(ctx context.Context, req *v1.ListInDoubtRequest) (*v1.ListInDoubtResponse, error) {
	l, err := g.bank(req.GetBank())
	if err != nil {
		return nil, err
	}
	found, err := l.client().ListDoubts(ctx, &v1.ListDoubtsRequest{Bank: req.GetBank()})
	if err != nil {
		return nil, bankError(req.GetBank(), err)
	}
	return &v1.ListInDoubtResponse{Doubts: found.GetDoubts()}, nil
}

// Resolve implements v1.AdminServiceServer.
func (g *gateway) Resolve(ctx context.Context, req *v1.ResolveRequest) (*v1.ResolveResponse, error) {
	l, err := g.bank(req.GetBank())
	if err != nil {
		return nil, err
	}
	operator := security.CallOf(ctx).Session.User
	if err := g.note(ctx, "heuristic decision", operator, req.GetBank()+" "+wire.ToID(req.GetTx()).String()+" "+req.GetReason()); err != nil {
		return nil, err
	}
	done, err := l.client().Settle(ctx, &v1.SettleRequest{
		Bank: req.GetBank(), Tx: req.GetTx(), Commit: req.GetCommit(), Operator: operator, Reason: req.GetReason(),
	})
	if err != nil {
		return nil, bankError(req.GetBank(), err)
	}
	return &v1.ResolveResponse{Outcome: done.GetOutcome()}, nil
}
