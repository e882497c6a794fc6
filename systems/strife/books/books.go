// Package books reads the journals of a deployment, as they lie on disk, for
// those who judge them. Nothing needs to run; nothing is changed.
package books

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"dyno/internal/journal"
	"dyno/systems/strife/check"
	"dyno/systems/strife/core/coordinator"
	"dyno/systems/strife/core/participant"
	"dyno/systems/strife/security"
	"dyno/systems/strife/server"
	"dyno/systems/strife/site"
)

// gatewayNumber is the gateway's in every transaction.
const gatewayNumber = 1

// Books are what the journals of a deployment say.
type Books struct {
	Evidence check.Evidence
	Torn     []string // journals whose end was torn by a crash, and never acknowledged
	Absent   []string // servers without a journal: they never ran
	Records  int
	Batches  int // in which they lie, each made durable by one sync

	Snapshots int // journals that begin with one
}

// Read reads all journals of a folder. An error says which cannot be read, and
// why: damage is one.
func Read(dir site.Dir) (*Books, error) {
	setup, err := dir.ReadGateway()
	if err != nil {
		return nil, err
	}
	b := &Books{}
	errs := []error{b.gateway(dir)}
	for _, name := range setup.Banks {
		errs = append(errs, b.bank(dir, name))
	}
	return b, errors.Join(errs...)
}

// history is a core that reads a journal.
type history interface {
	snapshot(records uint64, content []byte) error
	record(data []byte) error
	state() []byte
}

// replay reads a journal twice, with two cores of their own, and keeps what they
// come to.
func (b *Books) replay(dir site.Dir, p security.Party, first, second history) error {
	opt := journal.Options{Identity: server.Identity(p, "journal")}
	r, err := journal.Scan(dir.Journal(p), opt, func(e journal.Entry) error { return feed(e, first, second) })
	if errors.Is(err, fs.ErrNotExist) {
		b.Absent = append(b.Absent, p.String())
		return nil
	}
	if err != nil {
		return fmt.Errorf("the journal of %v: %w", p, err)
	}
	if r.Cut > 0 {
		b.Torn = append(b.Torn, p.String())
	}
	b.Records += r.Records
	b.Batches += r.Batches
	if r.Snapshot {
		b.Evidence.Partial = true
		b.Snapshots++
	}
	b.Evidence.States = append(b.Evidence.States, [2][]byte{first.state(), second.state()})
	return nil
}

func feed(e journal.Entry, readers ...history) error {
	var content []byte
	if e.Snapshot != nil {
		var err error
		if content, err = io.ReadAll(e.Snapshot); err != nil {
			return err
		}
	}
	for _, h := range readers {
		var err error
		if e.Snapshot != nil {
			err = h.snapshot(e.Sequence, content)
		} else {
			err = h.record(e.Data)
		}
		if err != nil {
			return fmt.Errorf("record %d: %w", e.Sequence, err)
		}
	}
	return nil
}

func (b *Books) gateway(dir site.Dir) error {
	h, again := newDecisions(), newDecisions()
	err := b.replay(dir, security.TheGateway, h, again)
	b.Evidence.Gateway = h.all
	return err
}

// decisions are a gateway's journal.
type decisions struct {
	h   *coordinator.History
	all []check.Decision
}

func newDecisions() *decisions { return &decisions{h: coordinator.NewHistory(gatewayNumber)} }

func (d *decisions) snapshot(records uint64, content []byte) error {
	events, err := d.h.Restore(records, content)
	for _, e := range events {
		d.all = append(d.all, check.Decision{Event: e})
	}
	return err
}

func (d *decisions) record(data []byte) error {
	e, err := d.h.Record(data)
	if err == nil {
		d.all = append(d.all, check.Decision{Event: e})
	}
	return err
}

func (d *decisions) state() []byte { return d.h.State() }

func (b *Books) bank(dir site.Dir, name string) error {
	h, again := newLedger(name), newLedger(name)
	if err := b.replay(dir, security.Party{Role: security.Bank, Name: name}, h, again); err != nil {
		return err
	}
	h.bank.Accounts, h.bank.Doubts = h.h.Accounts(), h.h.Doubts()
	b.Evidence.Banks = append(b.Evidence.Banks, h.bank)
	return nil
}

// ledger is a bank's journal.
type ledger struct {
	h    *participant.History
	bank check.Bank
}

func newLedger(name string) *ledger {
	return &ledger{h: participant.NewHistory(name), bank: check.Bank{Name: name}}
}

func (l *ledger) snapshot(records uint64, content []byte) error {
	err := l.h.Restore(records, content)
	l.bank.Base, l.bank.Promised = slices.Clone(l.h.Accounts()), slices.Clone(l.h.Doubts())
	return err
}

func (l *ledger) record(data []byte) error {
	e, err := l.h.Record(data)
	if err == nil {
		l.bank.Events = append(l.bank.Events, check.BankEvent{Event: e})
	}
	return err
}

func (l *ledger) state() []byte { return l.h.State() }

// InDoubt counts the transactions that banks cannot decide.
func (b *Books) InDoubt() (n int) {
	for _, bank := range b.Evidence.Banks {
		n += len(bank.Doubts)
	}
	return n
}

// Count counts what was decided.
func (b *Books) Count(s coordinator.Status) (n int) {
	for _, d := range b.Evidence.Gateway {
		if d.Epoch == 0 && d.Key != "" && d.Status == s {
			n++
		}
	}
	return n
}

// Starts counts the gateway's lives.
func (b *Books) Starts() (n int) {
	for _, d := range b.Evidence.Gateway {
		if d.Epoch > 0 {
			n++
		}
	}
	return n
}
