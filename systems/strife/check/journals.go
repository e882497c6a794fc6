package check

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"dyno/systems/strife/core/coordinator"
	"dyno/systems/strife/core/participant"
	"dyno/systems/strife/core/tx"
)

// banksOf are the banks of a payment.
func banksOf(p tx.Payment) []string {
	if p.From.Bank == p.To.Bank {
		return []string{p.From.Bank}
	}
	return []string{p.From.Bank, p.To.Bank}
}

func (x *index) conservation(f *finding) {
	opening, now := map[string]int64{}, map[string]int64{}
	for _, b := range x.Banks {
		l := x.banks[b.Name]
		for currency, n := range l.opening {
			opening[currency] += n
		}
		for _, a := range b.Accounts {
			now[a.Currency.String()] += a.Posted
		}
		for _, d := range b.Doubts {
			for _, leg := range d.Legs {
				if x.paid[d.Tx] != nil { // it is in transit: decided, and not carried out here yet
					now[leg.Currency.String()] += leg.Delta
				}
			}
		}
	}
	for _, currency := range slices.Sorted(maps.Keys(opening)) {
		n := opening[currency]
		f.want(now[currency] == n, "there were %d minor units of %s, and there are %d", n, currency, now[currency])
	}
}

func (x *index) once(f *finding) {
	for _, b := range x.Banks {
		l := x.banks[b.Name]
		f.examined += int64(len(l.promised))
		for _, text := range l.twice {
			f.want(false, "%s", text)
		}
	}
}

func (x *index) atomicity(f *finding) {
	for _, d := range x.Gateway {
		if d.Status != coordinator.Paid {
			continue
		}
		for _, name := range banksOf(d.Payment) {
			l := x.banks[name]
			switch {
			case l == nil:
				f.want(false, "payment %v is of bank %s, of which there is no journal", d.Tx, name)
			case l.promised[d.Tx] == nil && x.Partial: // before the snapshot
			default:
				f.want(l.applied(d.Tx) || l.inDoubt(d.Tx), "payment %v is committed, and bank %s has not carried it out", d.Tx, name)
				f.want(l.has(d.Tx, d.Payment), "payment %v is of %v from %v to %v, and bank %s does something else", d.Tx, d.Payment.Amount,
					d.Payment.From, d.Payment.To, name)
			}
		}
	}
	for _, b := range x.Banks {
		for _, e := range b.Events {
			if e.Commit && !x.forgotten(e.Tx) {
				f.want(x.paid[e.Tx] != nil, "bank %s has carried out %v, which the gateway has not committed", b.Name, e.Tx)
			}
		}
	}
}

// forgotten reports whether the gateway's receipt may have been too old to be in
// its snapshot.
func (x *index) forgotten(id tx.ID) bool {
	return x.Partial && (len(x.paid) == 0 || id.Below(x.oldest))
}

func (x *index) finality(f *finding) {
	for i := range x.Gateway {
		d := &x.Gateway[i]
		if d.Status == coordinator.Paid {
			first := x.finals[scoped{d.User, d.Key}][0]
			f.want(first == d, "key %s of %s is %v, and then paid", d.Key, d.User, first.Status)
		}
	}
	for _, c := range x.Calls {
		if c.End == Never || c.Receipt.Status != coordinator.Declined && c.Receipt.Status != coordinator.Cancelled {
			continue
		}
		paid := slices.ContainsFunc(x.finals[scoped{c.User, c.Key}], func(d *Decision) bool { return d.Status == coordinator.Paid })
		f.want(!paid, "key %s of %s was told to be %v, and is paid", c.Key, c.User, c.Receipt.Status)
	}
}

func (x *index) solvency(f *finding) {
	for _, b := range x.Banks {
		l := x.banks[b.Name]
		f.examined += int64(len(b.Events))
		for _, text := range l.wrong {
			f.want(false, "%s", text)
		}
		for _, a := range b.Accounts {
			f.want(a.Held >= 0 && a.Held <= a.Posted, "bank %s, account %s: %d posted, %d held", b.Name, a.Account, a.Posted, a.Held)
		}
	}
}

func (x *index) liveness(f *finding) {
	if !x.Quiet {
		return
	}
	for _, b := range x.Banks {
		f.want(len(b.Doubts) == 0, "all is quiet, and bank %s has %d transactions in doubt", b.Name, len(b.Doubts))
		for _, a := range b.Accounts {
			f.want(a.Held == 0, "all is quiet, and bank %s holds %d of account %s", b.Name, a.Held, a.Account)
		}
	}
}

func (x *index) replay(f *finding) {
	for i, s := range x.States {
		f.want(bytes.Equal(s[0], s[1]), "journal %d, replayed twice, comes to two states", i)
	}
	for _, b := range x.Banks {
		l := x.banks[b.Name]
		seen := map[string]bool{}
		for _, a := range b.Accounts {
			seen[a.Account] = true
			want := l.balances[a.Account]
			f.want(want != nil && want.posted == a.Posted && want.held == a.Held,
				"bank %s, account %s: the journal adds up to %v, the bank has %d posted, %d held", b.Name, a.Account, want, a.Posted, a.Held)
		}
		for _, name := range slices.Sorted(maps.Keys(l.balances)) {
			f.want(seen[name], "bank %s has lost account %s", b.Name, name)
		}
	}
}

// String shows a balance.
func (b *balance) String() string {
	if b == nil {
		return "no account"
	}
	return fmt.Sprintf("%d posted, %d held", b.posted, b.held)
}

func (x *index) order(f *finding) {
	epoch := uint32(0)
	used := map[tx.ID]bool{}
	for _, d := range x.Gateway {
		switch {
		case d.Epoch != 0:
			f.want(d.Epoch > epoch, "epoch %d follows %d", d.Epoch, epoch)
			epoch = d.Epoch
		case d.Tx != tx.ID{}:
			f.want(!used[d.Tx], "transaction %v has two outcomes", d.Tx)
			f.want(d.Tx.Epoch == epoch || x.Partial, "transaction %v ends in epoch %d", d.Tx, epoch)
			used[d.Tx] = true
		}
	}
	for _, b := range x.Banks {
		for _, e := range b.Events {
			id := e.Tx
			d, p := x.paid[id], x.banks[b.Name].promised[id]
			if e.Kind != participant.LegsPrepared || d == nil || d.At == 0 || p.prepared == 0 {
				continue
			}
			f.want(p.prepared <= d.At, "bank %s promises %v at %v, and it was committed at %v", b.Name, id, p.prepared, d.At)
			f.want(p.end != participant.TxCommitted || p.ended >= d.At, "bank %s carries out %v at %v, and it was committed at %v", b.Name,
				id, p.ended, d.At)
		}
	}
}
