package bank

import (
	"context"
	"log/slog"
	"time"

	"google.golang.org/grpc"

	"dyno/internal/rpc"
	v1 "dyno/proto/strife/v1"
	"dyno/systems/strife/core/money"
	"dyno/systems/strife/core/participant"
	"dyno/systems/strife/core/tx"
	"dyno/systems/strife/failpoint"
	"dyno/systems/strife/security"
	"dyno/systems/strife/wire"
)

// line is the stream to the gateway.
type line struct {
	wire.Pump[v1.ExchangeResponse]
	over chan struct{} // closed when another stream has taken its place
}

// Exchange implements v1.BankServiceServer. A gateway that connects again takes
// the place of the stream before.
func (b *bank) Exchange(stream grpc.BidiStreamingServer[v1.ExchangeRequest, v1.ExchangeResponse]) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	if err := b.mine(first.GetHello().GetBank()); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	l := &line{over: make(chan struct{})}
	if older := b.line.Swap(l); older != nil {
		close(older.over)
	}
	defer b.line.CompareAndSwap(l, nil)
	if err := stream.SendHeader(nil); err != nil { // by which the gateway knows that it is let in
		return err
	}
	if err := b.host.Step(participant.GatewayUp{}); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- b.receive(stream, first) }()
	sent := make(chan error, 1)
	go func() { sent <- l.Run(ctx, func(r *v1.ExchangeResponse) error { return b.send(stream, r) }) }()
	select {
	case err = <-ended:
	case err = <-sent:
		return err
	case <-l.over:
		err = rpc.Errorf(rpc.Unavailable, "the gateway has another stream")
	case <-b.stop:
		err = rpc.Errorf(rpc.Unavailable, "the bank is closing")
	}
	cancel()
	<-sent // nothing may be sent once this has returned
	return err
}

func (b *bank) send(stream grpc.BidiStreamingServer[v1.ExchangeRequest, v1.ExchangeResponse], r *v1.ExchangeResponse) error {
	err := stream.Send(r)
	if len(r.GetVotes()) > 0 && r.GetVotes()[0].GetYes() {
		failpoint.HitSent(failpoint.AfterYes)
	}
	return err
}

// mine refuses what is meant for another bank.
func (b *bank) mine(name string) error {
	if name != b.name {
		return rpc.InvalidField("bank", "%q: this is %s", name, b.name)
	}
	return nil
}

// receive takes messages in until the stream ends.
func (b *bank) receive(stream grpc.BidiStreamingServer[v1.ExchangeRequest, v1.ExchangeResponse], m *v1.ExchangeRequest) (err error) {
	caller := security.CallOf(stream.Context())
	for err == nil {
		if err = b.take(caller, m); err == nil {
			m, err = stream.Recv()
		}
	}
	return err
}

// take tells the core all of one message.
func (b *bank) take(caller *security.Call, m *v1.ExchangeRequest) error {
	low, now, logs := wire.ToID(m.GetFinishedBelow()), time.Now(), b.Log.Enabled(context.Background(), slog.LevelInfo)
	ins := make([]participant.In, 0, len(m.GetPrepares())+len(m.GetDecides()))
	for _, p := range m.GetPrepares() {
		in := wire.ToPrepare(p, low)
		if logs {
			b.arrive(in, p, now)
		}
		ins = append(ins, in)
	}
	aborts := false
	for _, d := range m.GetDecides() {
		in := tx.Decide{Tx: wire.ToID(d.GetTx()), Commit: d.GetCommit(), Low: low}
		if in.Commit {
			failpoint.Hit(failpoint.BeforeCommitB)
		}
		aborts = aborts || !in.Commit
		if logs {
			b.logDecide(caller, in)
		}
		ins = append(ins, in)
	}
	if len(ins) == 0 {
		return nil
	}
	err := b.host.Steps(ins...)
	if aborts {
		failpoint.Hit(failpoint.AfterAbort)
	}
	return err
}

// arrive notes what the log will say of a prepare.
func (b *bank) arrive(in tx.Prepare, p *v1.Prepare, now time.Time) {
	a := arrival{at: now, key: p.GetKeyHash(), attempt: p.GetAttempt()}
	if len(in.Legs) > 0 {
		l := in.Legs[0]
		a.amount = money.Amount{Minor: l.Delta, Currency: l.Currency}.String()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.arrivals) < maxArrivals {
		b.arrivals[in.Tx] = a
	}
}

// logVote logs a Prepare: one line, once its vote is known.
func (b *bank) logVote(v tx.Vote) {
	if !b.Log.Enabled(context.Background(), slog.LevelInfo) {
		return
	}
	b.mu.Lock()
	a, ok := b.arrivals[v.Tx]
	if !v.Yes {
		delete(b.arrivals, v.Tx)
	}
	b.mu.Unlock()
	took := time.Duration(0)
	if ok {
		took = time.Since(a.at)
	}
	vote := "yes"
	if !v.Yes {
		vote = v.Reason.String()
	}
	b.Log.Line(slog.LevelInfo, "Prepare").Text("tx", v.Tx.String()).Text("key", a.key).Int("attempt", int64(a.attempt)).
		Text("amount", a.amount).Text("vote", vote).Int("us", took.Microseconds()).End()
}

func (b *bank) logDecide(caller *security.Call, d tx.Decide) {
	b.mu.Lock()
	delete(b.arrivals, d.Tx)
	b.mu.Unlock()
	outcome := "abort"
	if d.Commit {
		outcome = "commit"
	}
	b.Log.Line(slog.LevelInfo, "Decide").Text("tx", d.Tx.String()).Text("outcome", outcome).Text("peer", caller.Party.String()).End()
}
