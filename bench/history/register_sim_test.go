package history

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"dyno/internal/record"
)

type regs = []RegisterOp

// registerSystem simulates a store with one copy of each register.
func registerSystem(clients, perClient, unknown int) func(r *rand.Rand) regs {
	return func(r *rand.Rand) regs {
		times := timingsWith(r, clients, perClient, unknown)
		byEffect := slices.Clone(times)
		slices.SortStableFunc(byEffect, func(a, b timing) int { return cmp.Compare(a.effect, b.effect) })
		state := map[string]int{}
		past := []int{0}
		var ops regs
		for i, t := range byEffect {
			in := RegisterInput{Key: []string{"x", "y"}[r.IntN(2)], Kind: []RegisterKind{Get, Put, Swap}[r.IntN(3)], Value: i + 1}
			if in.Kind != Get && r.IntN(5) == 0 {
				in.Value = past[r.IntN(len(past))] // written before
			}
			if in.Kind == Swap {
				in.Expect = past[r.IntN(len(past))]
				if r.IntN(2) == 0 {
					in.Expect = state[in.Key]
				}
			}
			op := RegisterOp{Client: t.client, Seq: t.seq, Begin: t.begin, End: t.end, Outcome: t.outcome, Input: in}
			if t.effect != Never {
				state[in.Key] = effect(&op, state[in.Key])
				past = append(past, in.Value)
			}
			ops = append(ops, op)
		}
		order(ops)
		return ops
	}
}

// effect executes one operation and fills in its answer.
func effect(o *RegisterOp, s int) int {
	switch {
	case o.Input.Kind == Get:
		o.Output = s
		return s
	case o.Input.Kind == Put || s == o.Input.Expect:
		return o.Input.Value
	case o.Outcome == record.OK:
		o.Outcome, o.Output = record.Refused, s
	}
	return s
}

// writers counts who may have written a value to a key.
func writers(ops regs, key string, v int) int {
	n := 0
	for _, o := range ops {
		if o.Input.Key == key && o.Input.Kind != Get && o.Input.Value == v {
			n++
		}
	}
	return n
}

// once says that this operation alone wrote its value.
func once(ops regs, w *RegisterOp) bool {
	return w.Input.Kind == Put && w.Input.Value != 0 && writers(ops, w.Input.Key, w.Input.Value) == 1
}

func isGet(o *RegisterOp) bool { return o.Input.Kind == Get && o.Outcome == record.OK }
func isPut(o *RegisterOp) bool { return o.Input.Kind == Put && o.Outcome == record.OK }

// stale says that a put was overwritten before a get began.
func stale(ops regs, w, get *RegisterOp) bool {
	return w.Input.Key == get.Input.Key && isPut(w) && isGet(get) && once(ops, w) &&
		slices.ContainsFunc(ops, func(o RegisterOp) bool {
			return isPut(&o) && o.Input.Key == w.Input.Key && o.Begin > w.End && o.End < get.Begin
		})
}

var registerMutants = []Mutant[regs]{
	{"invented value", func(h regs, r *rand.Rand) (regs, bool) {
		i, ok := pick(r, len(h), func(i int) bool { return isGet(&h[i]) })
		h[i].Output = -1
		return h, ok
	}},
	{"stale read", func(h regs, r *rand.Rand) (regs, bool) {
		w, g, ok := pickPair(r, len(h), func(w, g int) bool { return stale(h, &h[w], &h[g]) })
		h[g].Output = h[w].Input.Value
		return h, ok
	}},
	{"lost write", func(h regs, r *rand.Rand) (regs, bool) {
		// Whoever saw the new value sees the one before it.
		w, old, ok := pickPair(r, len(h), func(w, old int) bool {
			a, b := &h[w], &h[old]
			return isPut(a) && isPut(b) && once(h, a) && once(h, b) && a.Input.Key == b.Input.Key && b.End < a.Begin &&
				slices.ContainsFunc(h, func(o RegisterOp) bool {
					return isGet(&o) && o.Input.Key == a.Input.Key && o.Output == a.Input.Value && o.Begin > a.End
				})
		})
		for i := range h {
			if ok && isGet(&h[i]) && h[i].Input.Key == h[w].Input.Key && h[i].Output == h[w].Input.Value {
				h[i].Output = h[old].Input.Value
			}
		}
		return h, ok
	}},
	{"read from the future", func(h regs, r *rand.Rand) (regs, bool) {
		w, g, ok := pickPair(r, len(h), func(w, g int) bool {
			return once(h, &h[w]) && isGet(&h[g]) && h[w].Input.Key == h[g].Input.Key && h[w].Begin > h[g].End
		})
		h[g].Output = h[w].Input.Value
		return h, ok
	}},
	{"swapped outputs", func(h regs, r *rand.Rand) (regs, bool) {
		a, b, ok := pickPair(r, len(h), func(a, b int) bool {
			return isGet(&h[a]) && isGet(&h[b]) && h[a].Input.Key == h[b].Input.Key &&
				slices.ContainsFunc(h, func(w RegisterOp) bool {
					return once(h, &w) && w.Input.Key == h[a].Input.Key && w.Input.Value == h[b].Output && w.Begin > h[a].End
				})
		})
		h[a].Output, h[b].Output = h[b].Output, h[a].Output
		return h, ok
	}},
	{"forgotten unknown", func(h regs, r *rand.Rand) (regs, bool) {
		// It took effect, and was filed as if it had not.
		i, ok := pick(r, len(h), func(i int) bool {
			return !known(h[i].Outcome) && once(h, &h[i]) && slices.ContainsFunc(h, func(o RegisterOp) bool {
				return isGet(&o) && o.Input.Key == h[i].Input.Key && o.Output == h[i].Input.Value
			})
		})
		if ok {
			h[i].Outcome = record.Failed
		}
		return h, ok
	}},
	{"acknowledged, never done", func(h regs, r *rand.Rand) (regs, bool) {
		i, ok := pick(r, len(h), func(i int) bool {
			u := h[i]
			return !known(u.Outcome) && u.Input.Kind == Put && u.Input.Value != 0 && slices.ContainsFunc(h, func(get RegisterOp) bool {
				return isGet(&get) && get.Input.Key == u.Input.Key && get.Begin > u.End && slices.ContainsFunc(h, func(w RegisterOp) bool {
					return isPut(&w) && once(h, &w) && w.Input.Key == u.Input.Key && w.Input.Value == get.Output && w.End < u.Begin
				})
			})
		})
		if ok {
			h[i].Outcome = record.OK
		}
		return h, ok
	}},
	{"swapped twice", func(h regs, r *rand.Rand) (regs, bool) {
		_, b, ok := pickPair(r, len(h), func(i, j int) bool {
			a, b := h[i], h[j]
			from := a.Input.Expect
			return a.Input.Kind == Swap && b.Input.Kind == Swap && a.Outcome == record.OK && b.Outcome == record.Refused &&
				a.Input.Key == b.Input.Key && b.Input.Expect == from && a.Input.Value != from && b.Begin > a.End &&
				(from == 0 && writers(h, a.Input.Key, 0) == 0 || from != 0 && writers(h, a.Input.Key, from) == 1)
		})
		if ok {
			h[b].Outcome = record.OK
		}
		return h, ok
	}},
	{"new, then old", func(h regs, r *rand.Rand) (regs, bool) {
		// Two reads during one write, in the wrong order: regular, not linearizable.
		w, g, ok := pickPair(r, len(h), func(w, g int) bool {
			return once(h, &h[w]) && isGet(&h[g]) && h[g].Input.Key == h[w].Input.Key && h[g].Output == h[w].Input.Value
		})
		if !ok {
			return h, false
		}
		old, ok := pick(r, len(h), func(i int) bool {
			return isPut(&h[i]) && once(h, &h[i]) && h[i].Input.Key == h[w].Input.Key && h[i].End < h[w].Begin
		})
		if !ok {
			return h, false
		}
		again := h[g]
		again.Client, again.Seq, again.Begin, again.End = 99, 0, h[g].End+1, h[g].End+2
		again.Output = h[old].Input.Value
		return append(h, again), true
	}},
}

func TestLinearizableRegisters(t *testing.T) {
	runSuite(t, Suite[regs]{
		Generate: registerSystem(4, 12, 10),
		Check: func(h regs) []record.Check {
			return []record.Check{registers.Linearizable(h, Limits{}).Check("linearizable")}
		},
		Mutants: registerMutants,
	}, 500)
}
