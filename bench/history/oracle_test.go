package history

import (
	"math/rand/v2"
	"testing"

	"dyno/internal/record"
)

// noise is a small history without any system behind it: about as often right
// as wrong.
func noise(r *rand.Rand) regs {
	kinds := []RegisterKind{Get, Get, Put, Swap}
	ops := make(regs, 2+r.IntN(5))
	for i := range ops {
		begin := r.Int64N(12)
		ops[i] = RegisterOp{
			Client: int32(i), Begin: begin, End: begin + r.Int64N(8),
			Outcome: []record.Outcome{record.OK, record.OK, record.OK, record.Unknown, record.Refused, record.Failed}[r.IntN(6)],
			Input:   RegisterInput{Key: "x", Kind: kinds[r.IntN(len(kinds))], Value: r.IntN(4), Expect: r.IntN(3)},
			Output:  r.IntN(4),
		}
	}
	return ops
}

// possible tries all orders, straight from the definition.
func possible(ops regs, done []bool, s int) bool {
	soonest, left := int64(Never), false
	for i := range ops {
		if !done[i] && known(ops[i].Outcome) {
			soonest, left = min(soonest, ops[i].End), true
		}
	}
	if !left {
		return true // what is unknown need not have happened
	}
	for i := range ops {
		if done[i] || ops[i].Begin > soonest {
			continue
		}
		o := ops[i]
		if o.Outcome == record.Failed || o.Outcome == record.Refused && o.Input.Kind != Swap || !known(o.Outcome) && o.Input.Kind == Get {
			o.Input.Kind, o.Output = Get, s // shows nothing, changes nothing
		}
		if next, ok := stepRegister(s, &o); ok {
			done[i] = true
			ok = possible(ops, done, next)
			done[i] = false
			if ok {
				return true
			}
		}
	}
	return false
}

func TestLinearizableAgainstAllOrders(t *testing.T) {
	var legal, illegal int
	for seed := range uint64(20000) {
		ops := noise(chance(seed))
		want := possible(ops, make([]bool, len(ops)), 0)
		f := registers.Linearizable(ops, Limits{})
		if f.Undecided > 0 || (f.Violations == 0) != want {
			t.Fatalf("seed %d: %+v, trying all orders says %t: %v", seed, f, want, ops)
		}
		if want {
			legal++
		} else {
			illegal++
		}
	}
	t.Logf("%d legal, %d illegal", legal, illegal)
	if min(legal, illegal) < 2000 {
		t.Error("the noise is one-sided")
	}
}

func TestReachAgainstAllSets(t *testing.T) {
	hits := 0
	for seed := range uint64(5000) {
		r := chance(seed)
		amounts := make([]int64, r.IntN(9))
		for i := range amounts {
			amounts[i] = r.Int64N(41) - 20
		}
		target, want := r.Int64N(61)-30, illegal
		for set := range 1 << len(amounts) {
			var total int64
			for i, a := range amounts {
				if set>>i&1 == 1 {
					total += a
				}
			}
			if total == target {
				want = legal
			}
		}
		if want == legal {
			hits++
		}
		var positive []sum
		var all sum
		for _, a := range amounts {
			if a > 0 {
				positive, all = append(positive, sumOf(a)), all.add(a)
			}
		}
		if goal := target + 31; !all.less(sumOf(goal)) && reachSums(positive, sumOf(goal), all) != reachBits(positive, goal) {
			t.Fatalf("seed %d: one by one and as bits differ: %v, %d", seed, positive, goal)
		}
		if got := reach(amounts, sumOf(target)); got != want {
			t.Fatalf("seed %d: reach(%v, %d) = %v, want %v", seed, amounts, target, got, want)
		}
	}
	if hits < 500 || hits > 4500 {
		t.Errorf("one-sided: %d", hits)
	}
}
