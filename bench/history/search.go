package history

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"slices"
	"sort"
	"time"

	"github.com/anishathalye/porcupine"

	"dyno/internal/record"
)

type answer int

const (
	undecided answer = iota // a limit was reached: not a proof of anything
	legal
	illegal
)

// stateOverhead is what porcupine keeps per state it has seen, beside one bit
// per operation: measured with a word as state, rounded up.
const stateOverhead = 160

// search asks porcupine for a linearization of one key.
func (m Model[I, O, K, S]) search(key K, calls []call[I, O], limits Limits, deadline time.Time) answer {
	left := time.Until(deadline)
	if left <= 0 { // porcupine takes 0 for no limit
		return undecided
	}
	room := limits.Memory / int64(len(calls)/8+stateOverhead)
	seed := maphash.MakeSeed()
	model := porcupine.Model{
		Init: func() any { return m.Init(key) },
		Step: func(state, input, _ any) (bool, any) {
			if room < 0 {
				return false, state // ends the search: nothing is possible any more
			}
			next, ok := m.Step(state.(S), input.(*Op[I, O]))
			if ok {
				room-- // each may be remembered
			}
			return ok, next
		},
		Hash: func(state any) uint64 { return maphash.Comparable(seed, state.(S)) },
	}
	history := make([]porcupine.Operation, len(calls))
	for i := range calls {
		history[i] = porcupine.Operation{Input: &calls[i].op, Call: calls[i].op.Begin, Return: calls[i].until}
	}
	switch porcupine.CheckOperationsTimeout(model, history, left) {
	case porcupine.Ok:
		return legal
	case porcupine.Illegal:
		// porcupine has finished, so its goroutine no longer touches room.
		if room >= 0 {
			return illegal
		}
	}
	return undecided
}

// explain finds the first answer that no order explains: the shortest prefix of
// the history that is illegal ends with it. It relies on linearizability being
// closed under prefixes, so that the search may halve.
func (m Model[I, O, K, S]) explain(key K, calls []call[I, O], limits Limits) string {
	deadline := time.Now().Add(limits.Timeout)
	var last []*call[I, O] // what ended, by when; of those at one instant, answers that show something first
	for i := range calls {
		if known(calls[i].op.Outcome) {
			last = append(last, &calls[i])
		}
	}
	if len(last) == 0 {
		return fmt.Sprintf("key %v: %d operations, none of known outcome: Step refused one that must be possible in every state", key, len(calls))
	}
	slices.SortStableFunc(last, func(a, b *call[I, O]) int {
		return cmp.Or(cmp.Compare(a.until, b.until), m.rank(&a.op)-m.rank(&b.op))
	})
	at := sort.Search(len(last)-1, func(i int) bool {
		return m.search(key, m.prefix(calls, last[i].until), limits, deadline) == illegal
	})
	before, open := 0, 0
	for _, c := range m.prefix(calls, last[at].until) {
		before++
		if !known(c.op.Outcome) {
			open++
		}
	}
	return fmt.Sprintf("key %v: %v: no order of the %d operations up to this answer explains it (%d of them open or of unknown outcome)",
		key, last[at].op, before, open)
}

func (m Model[I, O, K, S]) rank(o *Op[I, O]) int {
	if m.Observes(o) {
		return 0
	}
	return 1
}

// prefix is the history as it was known at an instant: what had not ended was
// of unknown outcome.
func (m Model[I, O, K, S]) prefix(calls []call[I, O], at int64) []call[I, O] {
	var out []call[I, O]
	for _, c := range calls {
		if c.op.Begin > at {
			continue
		}
		if c.until > at {
			c.until, c.op.Outcome = Never, record.Unknown
		}
		if m.matters(&c.op) {
			out = append(out, c)
		}
	}
	return out
}
