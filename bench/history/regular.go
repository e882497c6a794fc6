package history

import (
	"cmp"
	"fmt"
	"slices"
	"sort"

	"dyno/internal/record"
)

// Regular tells whether every get answers with the value of the last put that
// ended before it began, or of one that may have taken effect since: what
// writing to all replicas and reading one gives (Lamport's regular register,
// with many writers: of puts that overlap any may be the last). Gets need not
// agree with each other on an order, so it is weaker than linearizability. A
// swap is a get of what it found, and a put of what it left. O(n log n), and for
// a value written often O(its writers) for each get of it.
func (r Registers[V]) Regular(ops []RegisterOp[V]) Finding {
	keys := make(map[string][]*RegisterOp[V])
	for i := range ops {
		keys[ops[i].Input.Key] = append(keys[ops[i].Input.Key], &ops[i])
	}
	var total Finding
	for _, key := range sortedKeys(keys) {
		total.add(r.regularKey(keys[key]))
	}
	return total
}

// found is the value that an operation shows.
func found[V comparable](o *RegisterOp[V]) (V, bool) {
	if o.Input.Kind == Swap && o.Outcome == record.OK {
		return o.Input.Expect, true
	}
	return o.Output, o.Input.Kind == Get && o.Outcome == record.OK || o.Input.Kind == Swap && o.Outcome == record.Refused
}

func (r Registers[V]) regularKey(ops []*RegisterOp[V]) Finding {
	var ended []*RegisterOp[V] // acknowledged writes
	writers := make(map[V][]*RegisterOp[V])
	for _, o := range ops {
		if o.Input.Kind == Get || known(o.Outcome) && o.Outcome != record.OK {
			continue
		}
		writers[o.Input.Value] = append(writers[o.Input.Value], o)
		if o.Outcome == record.OK {
			ended = append(ended, o)
		}
	}
	slices.SortFunc(ended, func(a, b *RegisterOp[V]) int { return cmp.Compare(a.End, b.End) })
	latest := make([]int64, len(ended)+1) // latest begin among the first k that ended
	latest[0] = -Never
	for k, o := range ended {
		latest[k+1] = max(latest[k], o.Begin)
	}
	var f Finding
	for _, get := range ops {
		value, shown := found(get)
		if !shown {
			continue
		}
		f.Examined++
		past := sort.Search(len(ended), func(k int) bool { return ended[k].End >= get.Begin })
		allowed := past == 0 && value == r.Initial
		allowed = allowed || slices.ContainsFunc(writers[value], func(w *RegisterOp[V]) bool {
			return w != get && w.Begin <= get.End && w.Until() >= latest[past]
		})
		if !allowed {
			f.violate(fmt.Sprintf("key %s: %v: no write that is current during it left %v", get.Input.Key, *get, value))
		}
	}
	return f
}

// Regular tells whether every balance shown by a query is the initial one plus
// some set of operations that contains all acknowledged before the query began
// and none that began after it ended; of those under way or unknown, any. It is
// exact; where too many different totals are possible it is undecided. External
// terms have no time, so they do not count here. Cost: O(n log n), and per query
// what is under way or unknown, times the totals these can have.
func (b Bank) Regular(ops []BankOp) Finding {
	return settled(ops, b.regular)
}

func (b Bank) regular(ops []BankOp) Finding {
	accounts := make(map[string][]*BankOp)
	for i := range ops {
		accounts[ops[i].Input.Account] = append(accounts[ops[i].Input.Account], &ops[i])
	}
	var total Finding
	for _, account := range sortedKeys(accounts) {
		total.add(regularBalance(accounts[account], b.Initial[account]))
	}
	return total
}

func regularBalance(ops []*BankOp, initial int64) Finding {
	var f Finding
	scan(ops, initial, func(q *query) bool {
		f.Examined++
		switch q.legal(0) {
		case illegal:
			f.violate(fmt.Sprintf("%v: no set of the %d operations under way or unknown explains it", *q.BankOp, len(q.optional)))
		case undecided:
			f.leaveOpen(fmt.Sprintf("%v: the %d operations under way or unknown have more than %d totals", *q.BankOp, len(q.optional), maxSums))
		}
		return true
	})
	return f
}

// query is a balance that was shown, and what may be in it.
type query struct {
	*BankOp
	certain  sum       // the initial balance with all that was acknowledged before
	ended    []*BankOp // that: by when it ended
	open     []*BankOp // under way or unknown: any of it may count
	optional []int64   // its amounts
}

// legal tells whether the balance is possible, if so much is added to it.
func (q *query) legal(more int64) answer {
	return reach(q.optional, sumOf(q.Output.Balance).plus(sumOf(more)).minus(q.certain))
}

// scan shows each query on one account, by when it began, until each says that
// it has seen enough.
func scan(ops []*BankOp, initial int64, each func(*query) bool) {
	var queries, writes, ended []*BankOp
	for _, o := range ops {
		switch {
		case o.Input.Kind == Query && o.Outcome == record.OK:
			queries = append(queries, o)
		case o.Input.Kind != Query && (o.Outcome == record.OK || !known(o.Outcome)):
			writes = append(writes, o)
			if o.Outcome == record.OK {
				ended = append(ended, o)
			}
		}
	}
	byBegin := func(a, b *BankOp) int { return cmp.Compare(a.Begin, b.Begin) }
	slices.SortFunc(queries, byBegin)
	slices.SortFunc(writes, byBegin)
	slices.SortFunc(ended, func(a, b *BankOp) int { return cmp.Compare(a.End, b.End) })

	certain, past := sumOf(initial), 0
	var open []*BankOp // begun by the end of a query so far, and not ended before this one began
	for _, o := range queries {
		for past < len(ended) && ended[past].End < o.Begin {
			certain = certain.add(amount(ended[past]))
			past++
		}
		for len(writes) > 0 && writes[0].Begin <= o.End {
			open, writes = append(open, writes[0]), writes[1:]
		}
		open = slices.DeleteFunc(open, func(w *BankOp) bool { return w.Until() < o.Begin })
		q := query{BankOp: o, certain: certain, ended: ended[:past]}
		for _, w := range open {
			if w.Begin <= o.End {
				q.open, q.optional = append(q.open, w), append(q.optional, amount(w))
			}
		}
		if !each(&q) {
			return
		}
	}
}
