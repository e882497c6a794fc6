package branch

import (
	"fmt"
	"hash/fnv"

	"dyno/internal/replica"
)

// View is what a branch holds.
type View struct {
	Balance  int64 // as customers see it, clipped to the range of int64
	External int64
	Vector   replica.Vector // a copy
	Settled  uint64         // own writes that are everywhere
	Digest   uint64         // of the replicated balance and the vector: equal where the state is
	Rights   map[ID]int64   // under Escrow
	Waiting  int            // customers who wait
	Counts   Counts
	Replica  replica.Stats
}

// View tells what the branch holds.
func (b *Branch) View() View {
	v := View{
		Balance: b.shown().clip(), External: b.external.clip(), Vector: b.rep.Vector().Clone(), Settled: b.rep.Everywhere(),
		Waiting: len(b.waiting) + len(b.escrow.short), Counts: b.counts, Replica: b.rep.Stats(),
	}
	h := fnv.New64a()
	_, _ = h.Write(v.Vector.Append(fmt.Appendf(nil, "%d %d ", b.balance.hi, b.balance.lo)))
	v.Digest = h.Sum64()
	if b.rights != nil {
		v.Rights = make(map[ID]int64, len(b.rights))
		for id, r := range b.rights {
			v.Rights[id] = r.clip()
		}
	}
	return v
}

// Unbalanced reports what is wrong with the rights: under Escrow they sum up to
// the balance, and none is negative.
func (b *Branch) Unbalanced() error {
	if b.rights == nil {
		return nil
	}
	var sum wide
	for id, r := range b.rights {
		if r.negative() {
			return fmt.Errorf("branch %d has rights to %d", id, r.clip())
		}
		sum = sum.plus(r)
	}
	if sum != b.balance {
		return fmt.Errorf("the rights sum up to %d, the balance is %d", sum.clip(), b.balance.clip())
	}
	return nil
}
