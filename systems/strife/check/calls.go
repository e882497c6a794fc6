package check

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"dyno/systems/strife/core/coordinator"
	"dyno/systems/strife/core/tx"
)

func (x *index) durability(f *finding) {
	for _, c := range x.Calls {
		if c.End == Never || !c.Receipt.Status.Final() {
			continue
		}
		finals := x.finals[scoped{c.User, c.Key}]
		f.want(slices.ContainsFunc(finals, func(d *Decision) bool { return d.Receipt == c.Receipt }),
			"key %s of %s was told to be %v as %v, and the gateway's journal does not say so", c.Key, c.User, c.Receipt.Status, c.Receipt.Tx)
		if c.Receipt.Status != coordinator.Paid {
			continue
		}
		for _, name := range banksOf(c.Receipt.Payment) {
			l := x.banks[name]
			f.want(l != nil && (l.applied(c.Receipt.Tx) || l.inDoubt(c.Receipt.Tx) || l.promised[c.Receipt.Tx] == nil && x.Partial),
				"key %s of %s was told to be paid as %v, and bank %s has lost it", c.Key, c.User, c.Receipt.Tx, name)
		}
	}
}

func (x *index) oneKey(f *finding) {
	for i := range x.Gateway {
		d := &x.Gateway[i]
		if finals := x.finals[scoped{d.User, d.Key}]; d.Status.Final() && finals[0] == d {
			f.want(len(finals) == 1, "key %s of %s has %d outcomes", d.Key, d.User, len(finals))
		}
	}
	told := map[scoped]coordinator.Receipt{}
	for _, c := range x.Calls {
		if c.End == Never || c.Kind == CallBalance {
			continue
		}
		if c.Kind == CallPay {
			f.want(c.Receipt.Payment == c.Payment || !c.Receipt.Status.Final() || c.Receipt.Payment == tx.Payment{},
				"key %s of %s: the answer is about another payment", c.Key, c.User)
		}
		f.want(c.Receipt.Key == c.Key, "key %s of %s: the answer is about key %s", c.Key, c.User, c.Receipt.Key)
		if !c.Receipt.Status.Final() {
			continue
		}
		by := scoped{c.User, c.Key}
		before, known := told[by]
		f.want(!known || before == c.Receipt, "key %s of %s is told to be %v as %v, and %v as %v", c.Key, c.User, before.Status, before.Tx,
			c.Receipt.Status, c.Receipt.Tx)
		told[by] = c.Receipt
	}
}

// freshness finds a place for every read of a balance among the postings of the
// account: behind all that were acknowledged before, before all that were asked
// for after, and behind the places of the reads before it.
func (x *index) freshness(f *finding) {
	acked, asked := map[tx.ID]time.Duration{}, map[tx.ID]time.Duration{}
	began := map[scoped]time.Duration{}
	reads := map[tx.Account][]*Call{}
	for i := range x.Calls {
		c := &x.Calls[i]
		by := scoped{c.User, c.Key}
		switch {
		case c.Kind == CallBalance && c.End != Never:
			reads[c.Account] = append(reads[c.Account], c)
		case c.Kind == CallBalance:
		case c.Kind == CallPay:
			if first, known := began[by]; !known || c.Begin < first {
				began[by] = c.Begin
			}
			fallthrough
		default:
			if first, known := acked[c.Receipt.Tx]; c.End != Never && c.Receipt.Status == coordinator.Paid && (!known || c.End < first) {
				acked[c.Receipt.Tx] = c.End
			}
		}
	}
	for id, d := range x.paid {
		if at, known := began[scoped{d.User, d.Key}]; known {
			asked[id] = at
		}
	}
	accounts := slices.SortedFunc(maps.Keys(reads), func(a, b tx.Account) int { return cmp.Compare(a.String(), b.String()) })
	for _, account := range accounts {
		if l := x.banks[account.Bank]; l != nil && l.balances[account.Name] != nil {
			l.balances[account.Name].place(reads[account], acked, asked, account, f)
		}
	}
}

// moment is when something happened to the posting at a place.
type moment struct {
	at    time.Duration
	place int
}

func sortMoments(m []moment) {
	slices.SortFunc(m, func(a, b moment) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.place, b.place)) })
}

// place sweeps over an account's reads as they began. Behind a snapshot only those
// are judged of which it is certain that they came later.
func (b *balance) place(calls []*Call, acked, asked map[tx.ID]time.Duration, account tx.Account, f *finding) {
	slices.SortFunc(calls, func(a, b *Call) int { return cmp.Or(cmp.Compare(a.Begin, b.Begin), cmp.Compare(a.End, b.End)) })
	var known, begun []moment // postings by when they were acknowledged first, and asked for first
	for i, id := range b.by {
		if at, ok := acked[id]; ok {
			known = append(known, moment{at, i})
		}
		if at, ok := asked[id]; ok {
			begun = append(begun, moment{at, i})
		}
	}
	sortMoments(known)
	sortMoments(begun)
	for i := len(begun) - 2; i >= 0; i-- { // the first place of all that were asked for then or later
		begun[i].place = min(begun[i].place, begun[i+1].place)
	}
	from := 0         // behind what was acknowledged, and what was read, before
	var read []moment // that had not ended when the last one began
	for _, c := range calls {
		before := func(m moment) bool {
			if m.at < c.Begin {
				from = max(from, m.place)
			}
			return m.at < c.Begin
		}
		for len(known) > 0 && before(known[0]) {
			known = known[1:]
		}
		read = slices.DeleteFunc(read, before)
		if b.based && from == 0 {
			continue // it may show what was before the snapshot
		}
		to := len(b.history) - 1
		if i, _ := slices.BinarySearchFunc(begun, c.End+1, func(m moment, t time.Duration) int { return cmp.Compare(m.at, t) }); i < len(begun) {
			to = begun[i].place - 1
		}
		at := from
		for at <= to && b.history[at] != c.Posted {
			at++
		}
		f.want(at <= to, "account %v: a read from %v to %v showed %d, which it was at no moment from posting %d to %d", account, c.Begin, c.End,
			c.Posted, from, to)
		if at <= to {
			read = append(read, moment{c.End, at})
		}
	}
}
