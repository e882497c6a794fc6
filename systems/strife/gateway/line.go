package gateway

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"dyno/internal/backoff"
	"dyno/internal/node"
	v1 "dyno/proto/strife/v1"
	"dyno/systems/strife/core/coordinator"
	"dyno/systems/strife/core/tx"
	"dyno/systems/strife/failpoint"
	"dyno/systems/strife/security"
	"dyno/systems/strife/wire"
)

// line is the connection to a bank, with a stream that is opened again for
// ever. What is put on it while there is none is dropped: the coordinator does
// not begin what needs that bank, and says again what must be heard.
type line struct {
	gateway *gateway
	bank    string
	conn    *grpc.ClientConn
	pump    atomic.Pointer[wire.Pump[v1.ExchangeRequest]] // nil: there is no stream
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
	opened  chan struct{} // closed when there has been a stream
	once    sync.Once
}

func newLine(g *gateway, bank string) (*line, error) {
	conn, err := g.Dialer().Dial(security.Party{Role: security.Bank, Name: bank})
	if err != nil {
		return nil, err
	}
	l := &line{gateway: g, bank: bank, conn: conn, opened: make(chan struct{})}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l, nil
}

func (l *line) client() v1.BankServiceClient { return v1.NewBankServiceClient(l.conn) }

func (l *line) start() { l.running.Go(l.run) }

func (l *line) stop() {
	l.cancel()
	l.running.Wait()
	_ = l.conn.Close()
}

// run keeps a stream until the line is stopped.
func (l *line) run() {
	var pause backoff.Backoff
	for l.ctx.Err() == nil {
		begin := time.Now()
		err := l.exchange()
		l.pump.Store(nil)
		_ = l.gateway.host.Step(coordinator.BankDown{Bank: l.bank}) // a host that has failed ends the gateway
		if l.ctx.Err() != nil {
			return
		}
		l.gateway.Log.Warn("the stream to a bank has ended", "bank", l.bank, "error", err)
		if time.Since(begin) > backoff.Most {
			pause.Reset()
		}
		pause.Wait(l.ctx, nil)
	}
}

// exchange opens a stream and serves it until it breaks.
func (l *line) exchange() error {
	ctx, cancel := context.WithCancel(l.ctx)
	defer cancel()
	stream, err := l.client().Exchange(ctx, grpc.WaitForReady(true))
	if err != nil {
		return err
	}
	hello := &v1.ExchangeRequest{Hello: &v1.Hello{Bank: l.bank, Gateway: number}}
	if err := stream.Send(hello); err != nil {
		return err
	}
	if _, err := stream.Header(); err != nil { // it is let in, or not
		return err
	}
	pump := &wire.Pump[v1.ExchangeRequest]{}
	l.pump.Store(pump)
	var writer sync.WaitGroup
	defer writer.Wait()
	defer cancel()
	writer.Go(func() {
		if pump.Run(ctx, stream.Send) != nil {
			cancel() // and Recv says why
		}
	})
	l.gateway.Log.Info("the stream to a bank is open", "bank", l.bank)
	if err := l.gateway.host.Step(coordinator.BankUp{Bank: l.bank}); err != nil {
		return err
	}
	l.once.Do(func() { close(l.opened) })
	for {
		m, err := stream.Recv()
		if err == nil {
			err = l.take(m)
		}
		if err != nil {
			return err
		}
	}
}

// take tells the core all of one message.
func (l *line) take(m *v1.ExchangeResponse) error {
	ins := make([]coordinator.In, 0, len(m.GetVotes())+len(m.GetAcks()))
	for _, v := range m.GetVotes() {
		failpoint.Hit(failpoint.BeforeVotes)
		ins = append(ins, wire.ToVote(l.bank, v))
	}
	for _, a := range m.GetAcks() {
		failpoint.Hit(failpoint.Ack)
		in := tx.Ack{Bank: l.bank, Tx: wire.ToID(a.GetTx()), Damage: a.GetDamage()}
		if in.Damage {
			l.gateway.damage(in)
		}
		ins = append(ins, in)
	}
	return l.gateway.host.Steps(ins...)
}

func (l *line) put(low tx.ID, add func(*v1.ExchangeRequest)) {
	p := l.pump.Load()
	if p == nil {
		return
	}
	p.Put(func(m *v1.ExchangeRequest) {
		if m.FinishedBelow == nil || wire.ToID(m.GetFinishedBelow()).Compare(low) < 0 {
			m.FinishedBelow = wire.ID(low)
		}
		add(m)
	})
}

func (l *line) prepare(p tx.Prepare, by pay) {
	l.put(p.Low, func(m *v1.ExchangeRequest) {
		one := wire.Prepare(p)
		one.KeyHash, one.Attempt = by.keyHash, by.attempt
		m.Prepares = append(m.Prepares, one)
	})
}

func (l *line) decide(d tx.Decide) {
	l.put(d.Low, func(m *v1.ExchangeRequest) {
		m.Decides = append(m.Decides, &v1.Decide{Tx: wire.ID(d.Tx), Commit: d.Commit})
	})
}

// kindPaid is the kind of a commit record, as package coordinator documents it.
const kindPaid = 3

// tap tells the shell which payment the core is asked for, and looks at what it
// is about to write.
type tap struct {
	*coordinator.Coordinator
	g *gateway
}

var _ node.Snapshotter = &tap{} // or the journal would grow for ever

func (t *tap) Recover(record []byte) error {
	failpoint.Hit(failpoint.Recovering)
	return t.Coordinator.Recover(record)
}

func (t *tap) Step(now time.Duration, in coordinator.In) node.Effects[coordinator.Out] {
	if p, ok := in.(pay); ok {
		t.g.paying = p
		in = p.Pay
	}
	e := t.Coordinator.Step(now, in)
	if failpoint.Armed(failpoint.BeforeCommit) || failpoint.Armed(failpoint.CommitWritten) {
		for _, record := range e.Write {
			if record[0] == kindPaid {
				failpoint.Hit(failpoint.BeforeCommit)
				failpoint.Committing()
			}
		}
	}
	return e
}
