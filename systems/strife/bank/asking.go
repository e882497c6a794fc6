package bank

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc"

	v1 "dyno/proto/strife/v1"
	"dyno/systems/strife/core/participant"
	"dyno/systems/strife/core/tx"
	"dyno/systems/strife/security"
	"dyno/systems/strife/wire"
)

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
