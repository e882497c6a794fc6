package history

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"dyno/internal/record"
)

// Model is the sequential behaviour that answers are held against. K is what
// histories fall apart by (the key of a store, an account), S the state of one
// key.
type Model[I, O any, K cmp.Ordered, S comparable] struct {
	Key  func(in I) K
	Init func(key K) S
	// Step says whether the operation may have its answer in this state, and
	// what the state is afterwards. It is pure. An operation of unknown outcome
	// has no answer and must be possible in every state; that it may never
	// have happened is seen to by the checker.
	Step func(s S, o *Op[I, O]) (S, bool)
	// Ignore says that an operation neither changes nor shows the state.
	// Failed ones are always ignored.
	Ignore func(o *Op[I, O]) bool
	// Observes says that the answer could be wrong: these are examined.
	Observes func(o *Op[I, O]) bool
}

// Limits bound the search for a linearization, which is NP-hard. Reaching one
// leaves the key undecided; it is never taken for a proof. Zero fields mean
// the default.
type Limits struct {
	Timeout   time.Duration // for all keys together (5 s); explaining a violation may take as long again
	OpsPerKey int           // 5,000
	Memory    int64         // bytes for the states seen during the search of one key, about (256 MiB)
}

func (l Limits) withDefaults() Limits {
	return Limits{
		Timeout:   cmp.Or(l.Timeout, 5*time.Second),
		OpsPerKey: cmp.Or(l.OpsPerKey, 5000),
		Memory:    cmp.Or(l.Memory, 256<<20),
	}
}

// call is an operation with the latest time of its effect.
type call[I, O any] struct {
	op    Op[I, O]
	until int64
}

// Linearizable tells whether every answer can be explained by one order of all
// operations, key by key, in which each takes effect between its Begin and its
// End (Herlihy and Wing, 1990); those of unknown outcome at any time after
// Begin, or never. Examined are the answers that show the state.
//
// A violation names the key and the first answer that no order explains; keys
// are judged in order and the first illegal one ends the search.
func (m Model[I, O, K, S]) Linearizable(ops []Op[I, O], limits Limits) Finding {
	limits = limits.withDefaults()
	deadline := time.Now().Add(limits.Timeout)
	keys := m.partition(ops)
	var total Finding
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		total.add(m.judge(key, keys[key], limits, deadline))
		if total.Violations > 0 {
			break
		}
	}
	return total
}

func (m Model[I, O, K, S]) partition(ops []Op[I, O]) map[K][]call[I, O] {
	keys := make(map[K][]call[I, O])
	for i := range ops {
		if m.matters(&ops[i]) {
			key := m.Key(ops[i].Input)
			keys[key] = append(keys[key], call[I, O]{ops[i], ops[i].Until()})
		}
	}
	return keys
}

func (m Model[I, O, K, S]) matters(o *Op[I, O]) bool {
	return o.Outcome != record.Failed && !m.Ignore(o)
}

// judge checks one key.
func (m Model[I, O, K, S]) judge(key K, calls []call[I, O], limits Limits, deadline time.Time) Finding {
	var f Finding
	for i := range calls {
		if known(calls[i].op.Outcome) && m.Observes(&calls[i].op) {
			f.Examined++
		}
	}
	if len(calls) > limits.OpsPerKey {
		f.leaveOpen(fmt.Sprintf("key %v has %d operations, the limit is %d", key, len(calls), limits.OpsPerKey))
		return f
	}
	switch m.search(key, calls, limits, deadline) {
	case legal:
	case illegal:
		f.violate(m.explain(key, calls, limits))
	case undecided:
		f.leaveOpen(fmt.Sprintf("key %v: no verdict on %d operations within %v and %d MiB", key, len(calls), limits.Timeout, limits.Memory>>20))
	}
	return f
}
