package history

import (
	"math/rand/v2"
	"slices"
	"testing"

	"dyno/internal/record"
)

// orderMutants are faults of a log, or of answers that carry its action ids.
var orderMutants = []Mutant[world]{
	{"lost write", func(h world, r *rand.Rand) (world, bool) {
		// Gone from the end of the log, so that no other place moves.
		last := len(h.log.Requests) - 1
		ok := last >= 0 && slices.ContainsFunc(h.ops, func(o BankOp) bool { return isWrite(&o) && o.Input.Request == h.log.Requests[last] })
		h.log.Requests = h.log.Requests[:max(last, 0)]
		return h, ok
	}},
	{"double apply", func(h world, r *rand.Rand) (world, bool) {
		if len(h.log.Requests) == 0 {
			return h, false
		}
		h.log.Requests = append(slices.Clone(h.log.Requests), h.log.Requests[r.IntN(len(h.log.Requests))])
		return h, true
	}},
	{"phantom", func(h world, r *rand.Rand) (world, bool) {
		h.log.Requests = append(slices.Clone(h.log.Requests), "nobody's")
		return h, true
	}},
	{"reordered log", func(h world, r *rand.Rand) (world, bool) {
		// Two neighbours that do not overlap change places, ids and all.
		one, _ := settle(h.ops)
		asked := writesByRequest(one)
		i, ok := pick(r, len(h.log.Requests)-1, func(i int) bool {
			return asked[h.log.Requests[i]].Until() < asked[h.log.Requests[i+1]].Begin
		})
		if !ok {
			return h, false
		}
		q := slices.Clone(h.log.Requests)
		q[i], q[i+1] = q[i+1], q[i]
		h.log.Requests = q
		for k := range h.ops {
			switch o := &h.ops[k]; {
			case isWrite(o) && o.Input.Request == q[i]:
				o.Output.Order = int64(i + 1)
			case isWrite(o) && o.Input.Request == q[i+1]:
				o.Output.Order = int64(i + 2)
			}
		}
		return h, true
	}},
	{"wrong action id", func(h world, r *rand.Rand) (world, bool) {
		i, ok := pick(r, len(h.ops), func(i int) bool { return isWrite(&h.ops[i]) })
		h.ops[i].Output.Order++
		return h, ok
	}},
	{"stale read, with its old id", func(h world, r *rand.Rand) (world, bool) {
		// Self-consistent, and too old: only real time tells.
		w, q, ok := pickPair(r, len(h.ops), func(w, q int) bool {
			return isWrite(&h.ops[w]) && isQuery(&h.ops[q]) && h.ops[w].End < h.ops[q].Begin
		})
		if !ok {
			return h, false
		}
		one, _ := settle(h.ops)
		asked, balance := writesByRequest(one), h.bank.Initial["a"]
		at := h.ops[w].Output.Order - 1
		for _, request := range h.log.Requests[:at] {
			balance += amount(asked[request])
		}
		h.ops[q].Output.Order, h.ops[q].Output.Balance = at, balance
		return h, true
	}},
	{"swapped outputs", func(h world, r *rand.Rand) (world, bool) {
		a, b, ok := pickPair(r, len(h.ops), func(a, b int) bool {
			return shows(&h.ops[a]) && shows(&h.ops[b]) && h.ops[a].Output.Balance != h.ops[b].Output.Balance
		})
		x, y := &h.ops[a].Output, &h.ops[b].Output
		x.Balance, y.Balance = y.Balance, x.Balance
		return h, ok
	}},
	{"negative balance", func(h world, r *rand.Rand) (world, bool) {
		i, ok := pick(r, len(h.ops), func(i int) bool { return shows(&h.ops[i]) })
		h.ops[i].Output.Balance = -1
		return h, ok
	}},
	{"forgotten unknown", func(h world, r *rand.Rand) (world, bool) {
		one, _ := settle(h.ops)
		asked := writesByRequest(one)
		at, ok := pick(r, len(h.log.Requests), func(i int) bool { return !known(asked[h.log.Requests[i]].Outcome) })
		if !ok {
			return h, false
		}
		for i := range h.ops {
			if h.ops[i].Input.Request == h.log.Requests[at] {
				h.ops[i].Outcome = record.Failed
			}
		}
		return h, true
	}},
	{"id beyond the log", func(h world, r *rand.Rand) (world, bool) {
		i, ok := pick(r, len(h.ops), func(i int) bool { return isQuery(&h.ops[i]) })
		h.ops[i].Output.Order = int64(len(h.log.Requests)) + 1
		return h, ok
	}},
	refusedInVain,
}

func TestInOrder(t *testing.T) {
	check := func(h world) []record.Check {
		return []record.Check{h.bank.InOrder(h.ops, h.log).Check("in order")}
	}
	runSuite(t, Suite[world]{oneServer(20, 5, true, false), check, orderMutants}, 2000)
	runSuite(t, Suite[world]{oneServer(4, 7, false, true), check, balanceMutants}, 1000)
}

// replicaMutants are faults of what replicas hold in the end.
var replicaMutants = []Mutant[world]{
	{"lost write", func(h world, r *rand.Rand) (world, bool) {
		return everywhere(h, r, record.OK, func(x *Replica, o *BankOp) {
			x.Applied = slices.DeleteFunc(x.Applied, func(q string) bool { return q == o.Input.Request })
			x.Balances["a"] -= amount(o)
		})
	}},
	{"lost at one replica", func(h world, r *rand.Rand) (world, bool) {
		h.replicas[0].Balances["a"]++
		return h, true
	}},
	{"double apply", func(h world, r *rand.Rand) (world, bool) {
		return everywhere(h, r, record.OK, func(x *Replica, o *BankOp) {
			x.Applied = append(x.Applied, o.Input.Request)
			x.Balances["a"] += amount(o)
		})
	}},
	{"refused, and applied", func(h world, r *rand.Rand) (world, bool) {
		return everywhere(h, r, record.Refused, func(x *Replica, o *BankOp) { x.Applied = append(x.Applied, o.Input.Request) })
	}},
	{"failed, and applied", func(h world, r *rand.Rand) (world, bool) {
		return everywhere(h, r, record.Failed, func(x *Replica, o *BankOp) { x.Applied = append(x.Applied, o.Input.Request) })
	}},
	{"phantom", func(h world, r *rand.Rand) (world, bool) {
		for i := range h.replicas {
			h.replicas[i].Applied = append(h.replicas[i].Applied, "nobody's")
		}
		return h, true
	}},
	{"forgotten unknown", func(h world, r *rand.Rand) (world, bool) {
		i, ok := pick(r, len(h.ops), func(i int) bool {
			o := &h.ops[i]
			return !known(o.Outcome) && slices.Contains(h.replicas[0].Applied, o.Input.Request) && alone(h.ops, o)
		})
		if ok {
			h.ops[i].Outcome = record.Failed
		}
		return h, ok
	}},
	{"unknown at one replica only", func(h world, r *rand.Rand) (world, bool) {
		i, ok := pick(r, len(h.ops), func(i int) bool {
			o := &h.ops[i]
			return !known(o.Outcome) && slices.Contains(h.replicas[1].Applied, o.Input.Request) && alone(h.ops, o)
		})
		x := &h.replicas[1]
		if ok {
			x.Applied = slices.DeleteFunc(x.Applied, func(q string) bool { return q == h.ops[i].Input.Request })
			x.Balances["a"] -= amount(&h.ops[i])
		}
		return h, ok
	}},
}

// alone says that a write has one attempt.
func alone(ops []BankOp, o *BankOp) bool {
	n := 0
	for i := range ops {
		if ops[i].Input.Request == o.Input.Request {
			n++
		}
	}
	return n == 1
}

// everywhere does something to all replicas for a write of the given outcome.
func everywhere(h world, r *rand.Rand, outcome record.Outcome, do func(*Replica, *BankOp)) (world, bool) {
	one, _ := settle(h.ops)
	i, ok := pick(r, len(one), func(i int) bool { return one[i].Input.Kind != Query && one[i].Outcome == outcome })
	for k := range h.replicas {
		if ok {
			do(&h.replicas[k], &one[i])
		}
	}
	return h, ok
}

func TestReplicas(t *testing.T) {
	runSuite(t, Suite[world]{branches(false), func(h world) []record.Check {
		silent := slices.Clone(h.replicas)
		for i := range silent {
			silent[i].Applied = nil
		}
		return []record.Check{
			h.bank.Conserved(h.ops, h.replicas).Check("conserved"),
			h.bank.Conserved(h.ops, silent).Check("conserved, replicas silent"),
			Once(h.ops, h.replicas).Check("once"),
			Durable(h.ops, h.replicas).Check("durable"),
			Agree(h.replicas).Check("agree"),
		}
	}, replicaMutants}, 2000)
}

func TestSolvent(t *testing.T) {
	overdrawn := Mutant[world]{"overdrawn at rest", func(h world, _ *rand.Rand) (world, bool) {
		h.replicas[0].Balances["a"] = -1
		return h, true
	}}
	negative, _ := pick(chance(0), len(orderMutants), func(i int) bool { return orderMutants[i].Name == "negative balance" })
	runSuite(t, Suite[world]{oneServer(6, 6, true, false), func(h world) []record.Check {
		return []record.Check{Solvent(h.ops, h.replicas).Check("solvent")}
	}, []Mutant[world]{overdrawn, orderMutants[negative]}}, 1000)
}
