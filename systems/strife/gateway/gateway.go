// Package gateway is the role gateway: the shell around the coordinator of
// two-phase commit (package core/coordinator), with users and sessions (package
// access).
package gateway

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"dyno/internal/journal"
	"dyno/internal/node/host"
	"dyno/internal/rpc"
	v1 "dyno/proto/strife/v1"
	"dyno/systems/strife/core/coordinator"
	"dyno/systems/strife/core/tx"
	"dyno/systems/strife/failpoint"
	"dyno/systems/strife/gateway/access"
	"dyno/systems/strife/security"
	"dyno/systems/strife/server"
	"dyno/systems/strife/site"
)

const number = 1 // of this gateway, in the names of transactions

// gateway is the shell around a coordinator.
type gateway struct {
	v1.UnimplementedGatewayServiceServer
	v1.UnimplementedAdminServiceServer
	v1.UnimplementedCoordinatorServiceServer
	*server.Base

	host     *host.Host[coordinator.In, coordinator.Out]
	core     *coordinator.Coordinator
	access   *access.Access
	banks    map[string]*line
	requests atomic.Uint64
	answers  host.Waiters[uint64, any] // to requests of calls
	inquired inquiries

	// What follows is touched by what the host calls.
	paying pay              // the payment whose messages are being carried
	last   map[string]tx.ID // that a bank was told to prepare, or to commit, by the failpoint behind it
}

// pay is a coordinator's input with what the logs of banks say of it.
type pay struct {
	coordinator.Pay
	keyHash string
	attempt uint32
}

// open opens the journals and has the core recover.
func open(ctx context.Context, base *server.Base, prepare time.Duration) (g *gateway, err error) {
	setup, err := base.Dir.ReadGateway()
	if err != nil {
		return nil, err
	}
	g = &gateway{Base: base, banks: map[string]*line{}}
	for _, name := range setup.Banks {
		if g.banks[name], err = newLine(g, name); err != nil {
			return nil, err
		}
	}
	if err := g.openAccess(ctx, setup.Users); err != nil {
		return nil, err
	}
	g.core = coordinator.New(coordinator.Config{
		Gateway: number, Banks: setup.Banks, Prepare: prepare, Seed: uint64(time.Now().UnixNano()),
	})
	err = journal.Patiently(ctx, func() (err error) {
		g.host, _, err = host.Open(&tap{Coordinator: g.core, g: g}, host.Options[coordinator.Out]{
			Dir: base.Dir.Journal(base.Own), Send: g.carry, Compact: base.Compact(),
			Journal: base.JournalOptions(),
		})
		return err
	})
	if err != nil {
		return nil, errors.Join(err, g.access.Close())
	}
	base.Guard.Sessions, base.Guard.Trusted = g.access.Session, g.access.Trusted
	for name, l := range g.banks {
		_ = g.host.Step(coordinator.BankDown{Bank: name}) // until there is a stream
		l.start()
	}
	g.awaitBanks(ctx)
	return g, nil
}

// meeting is how long a gateway waits for its banks before it serves without
// them.
const meeting = 500 * time.Millisecond

func (g *gateway) awaitBanks(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, meeting)
	defer cancel()
	for _, l := range g.banks {
		select {
		case <-l.opened:
		case <-ctx.Done():
		}
	}
}

func (g *gateway) openAccess(ctx context.Context, users []site.User) error {
	return journal.Patiently(ctx, func() (err error) {
		g.access, err = access.Open(access.Options{
			Dir: g.Dir.Access(), Identity: g.Identity("access"), Users: users, Hashing: security.Recommended, Now: time.Now,
		})
		return err
	})
}

// stop ends the streams to the banks: they and the gateway recover from that
// as from a crash.
func (g *gateway) stop() {
	for _, l := range g.banks {
		l.stop()
	}
}

func (g *gateway) close() error {
	g.stop()
	return errors.Join(g.host.Close(), g.access.Close())
}

func (g *gateway) register(r grpc.ServiceRegistrar) {
	v1.RegisterGatewayServiceServer(r, g)
	v1.RegisterAdminServiceServer(r, g)
	v1.RegisterCoordinatorServiceServer(r, g)
}

// carry does what the coordinator wants; the host calls it, and must not be kept
// waiting.
func (g *gateway) carry(out coordinator.Out) {
	switch out := out.(type) {
	case coordinator.ToBank:
		g.toBank(out)
	case coordinator.Reply:
		if r := out.Receipt; r.Status.Final() && !out.Replayed {
			if r.Status == coordinator.Paid {
				failpoint.Hit(failpoint.AfterCommit)
			} else {
				failpoint.Hit(failpoint.AfterDecline)
			}
			if g.Guard.Protection == security.Full {
				_ = g.Audit.Note(event(r)) // a disk that fails ends the gateway
			}
		}
		g.answers.Tell(out.Request, out)
	case coordinator.Listing:
		g.answers.Tell(out.Request, out)
	}
}

func (g *gateway) toBank(out coordinator.ToBank) {
	l := g.banks[out.Bank]
	switch m := out.Message.(type) {
	case tx.Balance: // the call that asks goes on
		g.answers.Tell(m.Request, m)
	case tx.Prepare:
		g.hitSecond(m.Tx, failpoint.PrepareToOne)
		if l != nil {
			l.prepare(m, g.paying)
		}
	case tx.Decide:
		if m.Commit {
			g.hitSecond(m.Tx, failpoint.CommitToOne)
		}
		g.inquired.note(out.Bank, m)
		if l != nil {
			l.decide(m)
		}
	}
}

// hitSecond passes a point between the messages of one transaction to two banks.
func (g *gateway) hitSecond(id tx.ID, point string) {
	if !failpoint.Armed(point) {
		return
	}
	if g.last[point] == id {
		failpoint.HitSent(point)
	}
	g.last = map[string]tx.ID{point: id}
}

// event is how the audit tells the end of a payment.
func event(r coordinator.Receipt) security.Event {
	e := security.Event{Time: time.Now(), What: r.Status.String(), Tx: r.Tx.String(), Amount: r.Payment.Amount.String()}
	if r.Reason != tx.NoReason {
		e.Detail = r.Reason.String()
	}
	if r.Payment.From.Bank != "" {
		e.Detail += security.AccountHash(r.Payment.From.Bank, r.Payment.From.Name) + " to " +
			security.AccountHash(r.Payment.To.Bank, r.Payment.To.Name)
	}
	return e
}

// await asks the core something that it answers by an output with the request's
// number. Who leaves before does not stop what has begun.
func (g *gateway) await(ctx context.Context, ask func(request uint64) coordinator.In) (any, error) {
	request := g.requests.Add(1)
	out, err := g.answers.Await(ctx, request, func() error { return g.host.Step(ask(request)) })
	if errors.Is(err, host.ErrClosed) {
		err = rpc.Errorf(rpc.Unavailable, "the gateway is closing")
	}
	return out, err
}
