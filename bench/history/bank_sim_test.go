package history

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"dyno/internal/record"
)

// world is a bank's history with what its servers held in the end.
type world struct {
	bank     Bank
	ops      []BankOp
	log      ActionLog
	replicas []Replica
}

// arrival is a request at a replica.
type arrival struct {
	at          int64
	op, replica int
}

// bankRequest draws a request. Distinct amounts are powers of 4, so that no sum
// of some amounts is also that of others, nor of any taken twice.
func bankRequest(r *rand.Rand, i int, distinct bool) BankInput {
	in := BankInput{Kind: Query, Account: "a"}
	if kind := r.IntN(5); kind < 3 && (!distinct || i < 30) {
		in.Kind, in.Request, in.Amount = Deposit, fmt.Sprintf("r%d", i), r.Int64N(50)
		if kind == 0 {
			in.Kind = Withdraw
		}
		if distinct {
			in.Amount = 1 << (2 * i)
		}
	}
	return in
}

// retried splits some operations into attempts under one request id, of which
// the first got no answer.
func retried(r *rand.Rand, ops []BankOp) []BankOp {
	for i := range ops {
		if o := &ops[i]; o.Input.Kind != Query && r.IntN(8) == 0 && o.End > o.Begin+2 {
			first := *o
			first.End, first.Outcome, first.Output = o.Begin+1, record.Unknown, BankOutput{}
			o.Begin += 2
			ops = append(ops, first)
		}
	}
	order(ops)
	return ops
}

// oneServer simulates a bank with one copy, which numbers its actions.
func oneServer(clients, perClient int, shown, distinct bool) func(r *rand.Rand) world {
	return oneServerWith(clients, perClient, 10, shown, distinct)
}

func oneServerWith(clients, perClient, unknown int, shown, distinct bool) func(r *rand.Rand) world {
	return func(r *rand.Rand) world {
		w := world{bank: Bank{Initial: map[string]int64{"a": 40}}}
		if distinct {
			w.bank.Initial["a"] = 1 << 61
		}
		times := timingsWith(r, clients, perClient, unknown)
		slices.SortStableFunc(times, func(a, b timing) int { return cmp.Compare(a.effect, b.effect) })
		balance := w.bank.Initial["a"]
		for i, t := range times {
			op := BankOp{Client: t.client, Seq: t.seq, Begin: t.begin, End: t.end, Outcome: t.outcome, Input: bankRequest(r, i, distinct)}
			switch change := amount(&op); {
			case t.effect == Never || op.Input.Kind == Query:
			case balance+change < 0:
				op.Outcome = map[bool]record.Outcome{true: record.Refused, false: record.Unknown}[known(t.outcome)]
			default:
				balance += change
				w.log.Requests = append(w.log.Requests, op.Input.Request)
			}
			if answered(op.Outcome) {
				op.Output = BankOutput{Order: int64(len(w.log.Requests))}
				if op.Input.Kind == Query || shown {
					op.Output.Balance, op.Output.Shown = balance, true
				}
			}
			w.ops = append(w.ops, op)
		}
		w.replicas = []Replica{{"s1", map[string]int64{"a": balance}, w.log.Requests}}
		if unknown < 1000 {
			w.ops = retried(r, w.ops)
		}
		return w
	}
}

// branches simulates writing to all of three replicas and reading one.
func branches(distinct bool) func(r *rand.Rand) world {
	return func(r *rand.Rand) world {
		w := world{bank: Bank{Initial: map[string]int64{"a": 40}, Overdraft: true, Cautious: true}}
		for i := range 3 {
			w.replicas = append(w.replicas, Replica{fmt.Sprint("b", i+1), map[string]int64{"a": 40}, []string{}})
		}
		var arrivals []arrival
		for i, t := range timings(r, 5, 8) {
			op := BankOp{Client: t.client, Seq: t.seq, Begin: t.begin, End: t.end, Outcome: t.outcome, Input: bankRequest(r, i, distinct)}
			if op.Input.Kind == Withdraw && t.outcome == record.OK && r.IntN(6) == 0 {
				op.Outcome, t.effect = record.Refused, Never
			}
			at := arrival{t.effect, i, r.IntN(3)}
			if op.Input.Kind == Query {
				arrivals = append(arrivals, at)
			}
			for replica := range 3 {
				if op.Input.Kind != Query && t.effect != Never {
					if at.replica = replica; t.outcome == record.OK {
						at.at = t.begin + r.Int64N(t.end-t.begin+1)
					}
					arrivals = append(arrivals, at)
				}
			}
			w.ops = append(w.ops, op)
		}
		slices.SortStableFunc(arrivals, func(a, b arrival) int { return cmp.Compare(a.at, b.at) })
		for _, a := range arrivals {
			op, replica := &w.ops[a.op], &w.replicas[a.replica]
			if op.Input.Kind == Query {
				if op.Outcome == record.OK {
					op.Output.Balance = replica.Balances["a"]
				}
				continue
			}
			replica.Balances["a"] += amount(op)
			replica.Applied = append(replica.Applied, op.Input.Request)
		}
		w.ops = retried(r, w.ops)
		return w
	}
}

func isQuery(o *BankOp) bool { return o.Input.Kind == Query && o.Outcome == record.OK }
func isWrite(o *BankOp) bool { return o.Input.Kind != Query && o.Outcome == record.OK }

// shift is a mutant that changes a query's balance by factor × the amount of a
// write with which it stands in some relation.
func shift(name string, factor int64, relation func(w, q *BankOp) bool) Mutant[world] {
	return Mutant[world]{name, func(h world, r *rand.Rand) (world, bool) {
		w, q, ok := pickPair(r, len(h.ops), func(w, q int) bool {
			return isWrite(&h.ops[w]) && isQuery(&h.ops[q]) && h.ops[w].Input.Amount > 0 && relation(&h.ops[w], &h.ops[q])
		})
		h.ops[q].Output.Balance += factor * amount(&h.ops[w])
		return h, ok
	}}
}

func before(w, q *BankOp) bool { return w.End < q.Begin }

// balanceMutants are sure faults when amounts are distinct.
var balanceMutants = []Mutant[world]{
	shift("stale read", -1, before),
	shift("double apply, seen", 1, before),
	{"read from the future", func(h world, r *rand.Rand) (world, bool) {
		first := map[string]int64{} // attempts of one request are one operation
		for i := range h.ops {
			o := &h.ops[i]
			if b, ok := first[o.Input.Request]; !ok || o.Begin < b {
				first[o.Input.Request] = o.Begin
			}
		}
		return shift("", 1, func(w, q *BankOp) bool { return first[w.Input.Request] > q.End }).Plant(h, r)
	}},
	{"invented balance", func(h world, r *rand.Rand) (world, bool) {
		q, ok := pick(r, len(h.ops), func(i int) bool { return isQuery(&h.ops[i]) })
		h.ops[q].Output.Balance = -1 << 62
		return h, ok
	}},
	{"two answers to one request", func(h world, r *rand.Rand) (world, bool) {
		i, ok := pick(r, len(h.ops), func(i int) bool { return isWrite(&h.ops[i]) })
		again := h.ops[i]
		again.Begin, again.End, again.Outcome = again.End+1, again.End+2, record.Refused
		h.ops = append(h.ops, again)
		return h, ok
	}},
}

func TestRegularBank(t *testing.T) {
	check := func(h world) []record.Check { return []record.Check{h.bank.Regular(h.ops).Check("regular")} }
	runSuite(t, Suite[world]{branches(true), check, balanceMutants}, 2000)
	small := Suite[world]{branches(false), check, balanceMutants[3:]}
	small.Mutants = append(slices.Clone(small.Mutants), Mutant[world]{"beyond all sums", func(h world, r *rand.Rand) (world, bool) {
		q, ok := pick(r, len(h.ops), func(i int) bool { return isQuery(&h.ops[i]) })
		h.ops[q].Output.Balance += 5000
		return h, ok
	}})
	runSuite(t, small, 2000)
}

func TestLinearizableBank(t *testing.T) {
	check := func(h world) []record.Check {
		return []record.Check{h.bank.Linearizable(h.ops, Limits{}).Check("linearizable")}
	}
	runSuite(t, Suite[world]{oneServer(4, 7, false, true), check, append(slices.Clone(balanceMutants), refusedInVain)}, 1000)
	runSuite(t, Suite[world]{oneServer(3, 9, true, false), check, nil}, 1000)
	check = func(h world) []record.Check { // without the help of the regular check
		ops, err := settle(h.ops)
		if err != nil {
			return []record.Check{record.Fail("search", 1, "%v", err)}
		}
		return []record.Check{h.bank.model().Linearizable(ops, Limits{}).Check("search")}
	}
	runSuite(t, Suite[world]{oneServer(4, 7, false, true), check, append(slices.Clone(balanceMutants), refusedInVain)}, 500)
}

var refusedInVain = Mutant[world]{"refused though money is there", func(h world, r *rand.Rand) (world, bool) {
	i, ok := pick(r, len(h.ops), func(i int) bool { return h.ops[i].Input.Kind == Withdraw && h.ops[i].Outcome == record.OK })
	if !ok {
		return h, false
	}
	o := &h.ops[i]
	o.Outcome = record.Refused
	request := o.Input.Request
	for k := range h.ops {
		if h.ops[k].Input.Request == request { // every attempt asks for nothing, which is always there
			h.ops[k].Input.Amount = 0
		}
	}
	h.log.Requests = slices.DeleteFunc(slices.Clone(h.log.Requests), func(q string) bool { return q == request })
	return h, true
}}
