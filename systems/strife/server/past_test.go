package server_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"dyno/internal/journal"
	"dyno/internal/node"
	"dyno/internal/node/host"
	"dyno/systems/strife/core/coordinator"
	"dyno/systems/strife/core/money"
	"dyno/systems/strife/core/participant"
	"dyno/systems/strife/core/tx"
	"dyno/systems/strife/security"
	"dyno/systems/strife/server"
)

// past is a deployment whose servers talk without a wire, so that it has soon
// made very many payments: the cores, their hosts and their journals are the real
// ones.
type past struct {
	world   *world
	gateway *host.Host[coordinator.In, coordinator.Out]
	banks   map[string]*host.Host[participant.In, participant.Out]

	mu      sync.Mutex
	toBanks map[string][]participant.In
	toGate  []coordinator.In
	paid    int
	answers int
}

// live makes payments, all finished, in the journals of servers that have not
// been started yet.
func (w *world) live(payments int) {
	w.Helper()
	p := &past{world: w, banks: map[string]*host.Host[participant.In, participant.Out]{}, toBanks: map[string][]participant.In{}}
	err := p.open()
	for n := 0; n < payments && err == nil; {
		batch := min(500, payments-n)
		ins := make([]coordinator.In, batch)
		for i := range ins {
			ins[i] = w.pastPayment(n + i)
		}
		n += batch
		if err = p.gateway.Steps(ins...); err == nil {
			err = p.settle(n)
		}
	}
	if err = errors.Join(err, p.close()); err != nil || p.paid != payments {
		w.Fatalf("%d of %d were paid: %v", p.paid, payments, err)
	}
}

func pastKey(n int) string { return fmt.Sprintf("%036d", n) } // as long as a UUID

// pastPayment is the n-th: everybody pays a neighbour a cent.
func (w *world) pastPayment(n int) coordinator.Pay {
	from, to := w.made.Users[n%len(w.made.Users)], w.made.Users[(n+1)%len(w.made.Users)]
	return coordinator.Pay{
		Request: uint64(n) + 1, User: from.User, Key: pastKey(n),
		Payment: tx.Payment{
			From: tx.Account{Bank: from.Bank, Name: from.Account}, To: tx.Account{Bank: to.Bank, Name: to.Account},
			Amount: money.Amount{Minor: 1, Currency: money.Currency([]byte("EUR"))},
		},
	}
}

func hosted[In, Out any](w *world, p security.Party, core node.Core[In, Out], send func(Out)) (*host.Host[In, Out], error) {
	if err := os.MkdirAll(filepath.Dir(w.dir.Journal(p)), 0o700); err != nil {
		return nil, err
	}
	h, _, err := host.Open(core, host.Options[Out]{
		Dir: w.dir.Journal(p), Send: send, Journal: journal.Options{Identity: server.Identity(p, "journal"), Segment: 2 << 20},
	})
	return h, err
}

func (p *past) open() (err error) {
	for _, name := range p.world.made.Banks {
		me := security.Party{Role: security.Bank, Name: name}
		core := participant.New(participant.Config{Bank: name})
		if p.banks[name], err = hosted(p.world, me, core, p.fromBank); err != nil {
			return err
		}
		setup, err := p.world.dir.ReadBank(name)
		if err != nil {
			return err
		}
		for _, a := range setup.Accounts {
			amount, err := a.Amount()
			if err == nil {
				err = p.banks[name].Step(participant.Open{Account: a.Number, Owner: a.Holder, Currency: amount.Currency, Opening: amount.Minor})
			}
			if err != nil {
				return err
			}
		}
	}
	core := coordinator.New(coordinator.Config{Gateway: 1, Banks: p.world.made.Banks, Prepare: time.Minute})
	if p.gateway, err = hosted(p.world, security.TheGateway, core, p.fromGateway); err != nil {
		return err
	}
	for name := range p.banks {
		err = errors.Join(err, p.gateway.Step(coordinator.BankUp{Bank: name}))
	}
	return err
}

func (p *past) fromGateway(out coordinator.Out) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch out := out.(type) {
	case coordinator.ToBank:
		p.toBanks[out.Bank] = append(p.toBanks[out.Bank], out.Message)
	case coordinator.Reply:
		p.answers++
		if out.Receipt.Status == coordinator.Paid {
			p.paid++
		}
	}
}

func (p *past) fromBank(out participant.Out) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m, ok := out.(participant.ToGateway); ok {
		p.toGate = append(p.toGate, m.Message)
	}
}

// settle carries messages until so many payments are answered and there are no
// more.
func (p *past) settle(answers int) error {
	ctx := context.Background()
	for {
		p.mu.Lock()
		banks, gate := p.toBanks, p.toGate
		p.toBanks, p.toGate = map[string][]participant.In{}, nil
		over := len(banks) == 0 && len(gate) == 0 && p.answers >= answers
		p.mu.Unlock()
		if over {
			return nil
		}
		err := p.gateway.Steps(gate...)
		for name, ins := range banks {
			err = errors.Join(err, p.banks[name].Steps(ins...), p.banks[name].Sync(ctx))
		}
		if err = errors.Join(err, p.gateway.Sync(ctx)); err != nil {
			return err
		}
	}
}

func (p *past) close() (err error) {
	if p.gateway != nil {
		err = p.gateway.Close()
	}
	for _, b := range p.banks {
		if b != nil {
			err = errors.Join(err, b.Close())
		}
	}
	return err
}

// A past is what the audit finds in it, and no damage.
func TestPast(t *testing.T) {
	w := newWorld(t, plan(3))
	w.live(100)
	intact(t, w, 100)
}
