package bank

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc"

	"dyno/internal/rpc"
	v1 "dyno/proto/strife/v1"
	"dyno/systems/strife/core/money"
	"dyno/systems/strife/core/participant"
	"dyno/systems/strife/core/tx"
	"dyno/systems/strife/security"
	"dyno/systems/strife/wire"
)

// CheckAccount implements v1.BankServiceServer.
func (b *bank) CheckAccount(ctx context.Context, req *v1.CheckAccountRequest) (*v1.CheckAccountResponse, error) {
	if err := b.mine(req.GetBank()); err != nil {
		return nil, err
	}
	if req.GetOpen() != nil {
		return b.openFor(ctx, req)
	}
	found, err := b.balance(ctx, req.GetAccount(), nil)
	if err != nil {
		return nil, err
	}
	if !found.Found || found.Owner != "" && found.Owner != req.GetUser() {
		return nil, rpc.Errorf(rpc.NotFound, "bank %s has no such account for %s", b.name, req.GetUser())
	}
	return &v1.CheckAccountResponse{Currency: found.Currency.String()}, nil
}

// openFor opens an account for a user.
func (b *bank) openFor(ctx context.Context, req *v1.CheckAccountRequest) (*v1.CheckAccountResponse, error) {
	amount, err := wire.ToMoney("open", req.GetOpen())
	if err != nil {
		return nil, err
	}
	if amount.Minor < 0 {
		return nil, rpc.InvalidField("open", "%v is less than nothing", amount)
	}
	if err := security.CheckName("account", req.GetAccount()); err != nil {
		return nil, err
	}
	_, err = b.openAccount(ctx, participant.Open{
		Account: req.GetAccount(), Owner: req.GetUser(), Currency: amount.Currency, Opening: amount.Minor,
	})
	if err != nil {
		return nil, err
	}
	return &v1.CheckAccountResponse{Currency: amount.Currency.String(), Opened: true}, nil
}

func (b *bank) balance(ctx context.Context, account string, after []tx.ID) (participant.Balance, error) {
	out, err := b.await(ctx, func(request uint64) participant.In {
		return tx.Balance{Request: request, Account: account, After: after}
	})
	if err != nil {
		return participant.Balance{}, err
	}
	return out.(participant.Balance), nil
}

// ReadBalance implements v1.BankServiceServer.
func (b *bank) ReadBalance(ctx context.Context, req *v1.ReadBalanceRequest) (*v1.ReadBalanceResponse, error) {
	if err := b.mine(req.GetBank()); err != nil {
		return nil, err
	}
	found, err := b.balance(ctx, req.GetAccount(), wire.IDs(req.GetAfter()))
	if err != nil {
		return nil, err
	}
	if !found.Found {
		return nil, rpc.Errorf(rpc.NotFound, "bank %s has no such account", b.name)
	}
	return &v1.ReadBalanceResponse{
		Posted: wire.Money(money.Amount{Minor: found.Posted, Currency: found.Currency}),
		Held:   wire.Money(money.Amount{Minor: found.Held, Currency: found.Currency}),
	}, nil
}

// ListDoubts implements v1.BankServiceServer.
func (b *bank) ListDoubts(_ context.Context, req *v1.ListDoubtsRequest) (*v1.ListDoubtsResponse, error) {
	if err := b.mine(req.GetBank()); err != nil {
		return nil, err
	}
	var doubts []participant.Doubt
	b.host.View(func(time.Duration) { doubts = b.core.Doubts() })
	out := &v1.ListDoubtsResponse{}
	for _, d := range doubts {
		one := &v1.Doubt{Tx: wire.ID(d.Tx), AgeMs: b.age(d.Tx).Milliseconds()}
		for _, l := range d.Legs {
			one.Legs = append(one.Legs, wire.Leg(l))
		}
		out.Doubts = append(out.Doubts, one)
	}
	return out, nil
}

// age is how long this life has known of a transaction that is in doubt.
func (b *bank) age(id tx.ID) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if a, ok := b.arrivals[id]; ok {
		return time.Since(a.at)
	}
	return time.Since(b.began) // an earlier life has voted
}

// Settle implements v1.BankServiceServer. It is in the audit before it is done:
// nobody decides without a trace.
func (b *bank) Settle(ctx context.Context, req *v1.SettleRequest) (*v1.SettleResponse, error) {
	if err := b.mine(req.GetBank()); err != nil {
		return nil, err
	}
	id := wire.ToID(req.GetTx())
	what := "heuristic abort"
	if req.GetCommit() {
		what = "heuristic commit"
	}
	err := b.Audit.Force(ctx, security.Event{
		Time: time.Now(), What: what, Who: req.GetOperator(), Tx: id.String(), Detail: req.GetReason(),
	})
	if err != nil {
		return nil, err
	}
	out, err := b.await(ctx, func(request uint64) participant.In {
		return participant.Resolve{Request: request, Tx: id, Commit: req.GetCommit(), By: req.GetOperator(), Why: req.GetReason()}
	})
	if err != nil {
		return nil, err
	}
	return &v1.SettleResponse{Outcome: wire.Outcome(out.(participant.Resolved).State)}, nil
}

// AskOutcome implements v1.PeerServiceServer.
func (b *bank) AskOutcome(ctx context.Context, req *v1.AskOutcomeRequest) (*v1.AskOutcomeResponse, error) {
	if err := b.mine(req.GetBank()); err != nil {
		return nil, err
	}
	from, id := security.CallOf(ctx).Name, wire.ToID(req.GetTx())
	state, err := b.told.Await(ctx, question{from, id}, func() error { return b.host.Step(tx.Ask{From: from, Tx: id}) })
	if err != nil {
		return nil, err
	}
	return &v1.AskOutcomeResponse{Outcome: wire.Outcome(state)}, nil
}

const (
	// An inquiry that is not answered so long is given up: the core makes
	// another.
	askPatience = 2 * time.Second
	maxPeers    = 64
)

// asking asks others about transactions that are in doubt: the gateway, and
// other banks, each over one line.
type asking struct {
	bank   *bank
	ctx    context.Context
	cancel context.CancelFunc
	ends   sync.WaitGroup

	mu    sync.Mutex
	lines map[security.Party]*wire.Pump[[]tx.ID]
}

func newAsking(b *bank) *asking {
	a := &asking{bank: b, lines: map[security.Party]*wire.Pump[[]tx.ID]{}}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	return a
}

func (a *asking) close() {
	a.cancel()
	a.ends.Wait()
}

func (a *asking) gateway(id tx.ID) { a.about(security.TheGateway, id, a.inquire) }

func (a *asking) peer(name string, m tx.Ask) {
	a.about(security.Party{Role: security.Bank, Name: name}, m.Tx, a.ask)
}

// about has somebody asked about a transaction, with all others that wait.
func (a *asking) about(who security.Party, id tx.ID, ask func(context.Context, *grpc.ClientConn, string, []tx.ID)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	l := a.lines[who]
	if l == nil {
		if len(a.lines) > maxPeers || a.ctx.Err() != nil {
			return
		}
		l = &wire.Pump[[]tx.ID]{}
		a.lines[who] = l
		a.ends.Go(func() { a.run(who, l, ask) })
	}
	l.Put(func(ids *[]tx.ID) { *ids = append(*ids, id) })
}

func (a *asking) run(who security.Party, l *wire.Pump[[]tx.ID], ask func(context.Context, *grpc.ClientConn, string, []tx.ID)) {
	conn, err := a.bank.Dialer().Dial(who)
	if err != nil {
		a.bank.Log.Error("cannot ask about what is in doubt", "whom", who.String(), "error", err)
		return
	}
	defer conn.Close()
	_ = l.Run(a.ctx, func(ids *[]tx.ID) error {
		ctx, cancel := context.WithTimeout(a.ctx, askPatience)
		defer cancel()
		ask(ctx, conn, who.Name, *ids)
		return nil
	})
}

// inquire asks the gateway.
func (a *asking) inquire(ctx context.Context, conn *grpc.ClientConn, _ string, ids []tx.ID) {
	req := &v1.InquireRequest{}
	for _, id := range ids {
		req.Txs = append(req.Txs, wire.ID(id))
	}
	resp, err := v1.NewCoordinatorServiceClient(conn).Inquire(ctx, req, grpc.WaitForReady(true))
	a.bank.Log.Info("inquired", "whom", "gateway", "transactions", len(ids), "error", err)
	if err != nil || len(resp.GetOutcomes()) != len(ids) {
		return
	}
	var ins []participant.In
	for i, id := range ids {
		if s := wire.ToState(resp.GetOutcomes()[i]); s == tx.Committed || s == tx.Aborted {
			ins = append(ins, tx.Decide{Tx: id, Commit: s == tx.Committed})
		}
	}
	_ = a.bank.host.Steps(ins...) // a host that has failed ends the process
}

// ask asks another bank.
func (a *asking) ask(ctx context.Context, conn *grpc.ClientConn, name string, ids []tx.ID) {
	for _, id := range ids {
		req := &v1.AskOutcomeRequest{Bank: name, Tx: wire.ID(id)}
		resp, err := v1.NewPeerServiceClient(conn).AskOutcome(ctx, req, grpc.WaitForReady(true))
		a.bank.Log.Info("asked a peer", "whom", name, "tx", id.String(), "outcome", resp.GetOutcome().String(), "error", err)
		if err != nil {
			return
		}
		_ = a.bank.host.Step(tx.Told{From: name, Tx: id, State: wire.ToState(resp.GetOutcome())})
	}
}
