// Package bank is the role bank: the shell around a participant of two-phase
// commit (package core/participant), with its accounts.
package bank

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"dyno/internal/journal"
	"dyno/internal/node/host"
	"dyno/internal/rpc"
	v1 "dyno/proto/strife/v1"
	"dyno/systems/strife/core/participant"
	"dyno/systems/strife/core/tx"
	"dyno/systems/strife/failpoint"
	"dyno/systems/strife/server"
	"dyno/systems/strife/site"
	"dyno/systems/strife/wire"
)

// Commits wait so long for a record to go with: the gateway is told a little
// later that they are applied, which holds up nobody.
const commitDelay = 5 * time.Millisecond

// bank is the shell around a participant.
type bank struct {
	v1.UnimplementedBankServiceServer
	v1.UnimplementedPeerServiceServer
	*server.Base

	name     string
	host     *host.Host[participant.In, participant.Out]
	core     *participant.Participant
	line     atomic.Pointer[line]      // to the gateway; nil: none
	asking   *asking                   // about what is in doubt
	answers  host.Waiters[uint64, any] // to requests of calls
	told     host.Waiters[question, tx.State]
	requests atomic.Uint64
	stop     chan struct{}

	mu       sync.Mutex
	arrivals map[tx.ID]arrival // prepares that are not decided, for the log
	began    time.Time
}

// question is what another bank asks.
type question struct {
	from string
	tx   tx.ID
}

// arrival is what the log says of a prepare once it is voted on.
type arrival struct {
	at      time.Time
	amount  string
	key     string
	attempt uint32
}

// maxArrivals bounds what is remembered for the log.
const maxArrivals = 20_000

// open opens the journal and has the core recover.
func open(ctx context.Context, base *server.Base, name string) (*bank, error) {
	setup, err := base.Dir.ReadBank(name)
	if err != nil {
		return nil, err
	}
	b := &bank{
		Base: base, name: name, stop: make(chan struct{}), arrivals: map[tx.ID]arrival{}, began: time.Now(),
		core: participant.New(participant.Config{Bank: name, Delay: commitDelay, Seed: uint64(time.Now().UnixNano())}),
	}
	b.asking = newAsking(b)
	err = journal.Patiently(ctx, func() (err error) {
		b.host, _, err = host.Open(tap{b.core}, host.Options[participant.Out]{
			Dir: base.Dir.Journal(base.Own), Send: b.carry, Compact: base.Compact(),
			Journal: base.JournalOptions(),
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := b.openAccounts(ctx, setup.Accounts); err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

// openAccounts opens the accounts of the set-up that are not open yet. A journal
// that fails answers nobody, and nobody else watches it yet.
func (b *bank) openAccounts(ctx context.Context, all []site.Account) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-b.host.Failed():
			cancel()
		case <-ctx.Done():
		}
	}()
	for _, a := range all {
		amount, err := a.Amount()
		if err == nil {
			_, err = b.openAccount(ctx, participant.Open{Account: a.Number, Owner: a.Holder, Currency: amount.Currency, Opening: amount.Minor})
		}
		if err != nil {
			return fmt.Errorf("account %s: %w", a.Number, cmp.Or(b.host.Err(), err))
		}
	}
	return nil
}

func (b *bank) close() error {
	b.asking.close()
	return b.host.Close()
}

func (b *bank) register(r grpc.ServiceRegistrar) {
	v1.RegisterBankServiceServer(r, b)
	v1.RegisterPeerServiceServer(r, b)
}

// carry does what the participant wants; the host calls it, and must not be kept
// waiting.
func (b *bank) carry(out participant.Out) {
	switch out := out.(type) {
	case participant.ToGateway:
		b.toGateway(out.Message)
	case participant.ToBank:
		switch m := out.Message.(type) {
		case tx.Ask:
			b.asking.peer(out.Bank, m)
		case tx.Told:
			b.told.Tell(question{out.Bank, m.Tx}, m.State)
		}
	case participant.Balance:
		b.answers.Tell(out.Request, out)
	case participant.Opened:
		b.answers.Tell(out.Request, out)
	case participant.Resolved:
		b.answers.Tell(out.Request, out)
	}
}

// toGateway sends what is for the gateway: votes and acks in the stream, if
// there is one. What gets lost, the gateway asks for again.
func (b *bank) toGateway(m any) {
	switch m := m.(type) {
	case tx.Vote:
		if m.Yes {
			failpoint.Hit(failpoint.AfterPrepare)
		}
		b.logVote(m)
		b.put(func(r *v1.ExchangeResponse) { r.Votes = append(r.Votes, wire.Vote(m)) })
	case tx.Ack:
		failpoint.Hit(failpoint.AfterCommitB)
		b.put(func(r *v1.ExchangeResponse) { r.Acks = append(r.Acks, &v1.Ack{Tx: wire.ID(m.Tx), Damage: m.Damage}) })
	case tx.Inquire:
		b.asking.gateway(m.Tx)
	}
}

func (b *bank) put(add func(*v1.ExchangeResponse)) {
	if l := b.line.Load(); l != nil {
		l.Put(add)
	}
}

// await asks the core something that it answers by an output with the request's
// number.
func (b *bank) await(ctx context.Context, ask func(request uint64) participant.In) (any, error) {
	request := b.requests.Add(1)
	out, err := b.answers.Await(ctx, request, func() error { return b.host.Step(ask(request)) })
	if errors.Is(err, host.ErrClosed) {
		err = rpc.Errorf(rpc.Unavailable, "the bank is closing")
	}
	return out, err
}

// openAccount opens an account, once.
func (b *bank) openAccount(ctx context.Context, in participant.Open) (participant.Opened, error) {
	out, err := b.await(ctx, func(request uint64) participant.In {
		in.Request = request
		return in
	})
	if err != nil {
		return participant.Opened{}, err
	}
	opened := out.(participant.Opened)
	if !opened.Same {
		return opened, rpc.Errorf(rpc.Precondition, "the bank has another account of that number, or none: %v", opened.Reason)
	}
	return opened, nil
}
