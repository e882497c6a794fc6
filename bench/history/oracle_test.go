package history

import (
	"math/rand/v2"
	"testing"

	"dyno/internal/record"
)

// noise is a small history without any system behind it: about as often right
// as wrong.
func noise(r *rand.Rand, kinds []RegisterKind) regs {
	ops := make(regs, 2+r.IntN(5))
	for i := range ops {
		begin := r.Int64N(12)
		ops[i] = RegisterOp[int]{
			Client: int32(i), Begin: begin, End: begin + r.Int64N(8),
			Outcome: []record.Outcome{record.OK, record.OK, record.OK, record.Unknown, record.Refused, record.Failed}[r.IntN(6)],
			Input:   RegisterInput[int]{Key: "x", Kind: kinds[r.IntN(len(kinds))], Value: r.IntN(4), Expect: r.IntN(3)},
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
		ops := noise(chance(seed), []RegisterKind{Get, Get, Put, Swap})
		want := possible(ops, make([]bool, len(ops)), 0)
		f := Registers[int]{}.Linearizable(ops, Limits{})
		if f.Undecided > 0 || (f.Violations == 0) != want {
			t.Fatalf("seed %d: %+v, trying all orders says %t: %v", seed, f, want, ops)
		}
		if f := (Registers[int]{}).model().Linearizable(ops, Limits{}); f.Undecided > 0 || (f.Violations == 0) != want {
			t.Fatalf("seed %d: the search alone: %+v, trying all orders says %t: %v", seed, f, want, ops)
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

// current is the definition of a regular register, word by word.
func current(ops regs, get RegisterOp[int]) bool {
	past := false
	for _, w := range ops {
		past = past || isPut(&w) && w.End < get.Begin
	}
	if !past && get.Output == 0 {
		return true
	}
	for _, w := range ops {
		if w.Input.Kind != Put || w.Outcome == record.Failed || w.Outcome == record.Refused || w.Input.Value != get.Output || w.Begin > get.End {
			continue
		}
		overwritten := false
		for _, v := range ops {
			overwritten = overwritten || isPut(&v) && v.Begin > w.Until() && v.End < get.Begin
		}
		if !overwritten {
			return true
		}
	}
	return false
}

func TestRegularAgainstDefinition(t *testing.T) {
	var right, wrong int
	for seed := range uint64(20000) {
		ops := noise(chance(seed), []RegisterKind{Get, Put})
		want := int64(0)
		for _, o := range ops {
			if isGet(&o) && !current(ops, o) {
				want++
			}
		}
		f := Registers[int]{}.Regular(ops)
		if f.Violations != want {
			t.Fatalf("seed %d: %+v, want %d violations: %v", seed, f, want, ops)
		}
		if f.Violations == 0 {
			right++
		} else if wrong++; possible(ops, make([]bool, len(ops)), 0) {
			t.Fatalf("seed %d: linearizable, and not regular: %v", seed, ops)
		}
	}
	if min(right, wrong) < 2000 {
		t.Errorf("the noise is one-sided: %d, %d", right, wrong)
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
