package history

import (
	"cmp"
	"fmt"
	"slices"

	"dyno/internal/record"
)

// Regular tells whether every balance shown by a query is the initial one plus
// some set of operations that contains all acknowledged before the query began
// and none that began after it ended; of those under way or unknown, any. It is
// exact; where too many different totals are possible it is undecided. Cost:
// O(n log n), and per query what is under way or unknown, times the totals these
// can have.
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
