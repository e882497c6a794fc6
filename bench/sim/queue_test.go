package sim

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The queue against a sorted list: pushes at few distinct times, so that ties
// are common, pops and removals.
func TestQueueAgainstModel(t *testing.T) {
	type entry struct {
		at  int64
		tag uint64
		id  TimerID
	}
	rapid.Check(t, func(t *rapid.T) {
		var q queue
		var model []entry
		var gone []TimerID
		for n := range uint64(rapid.IntRange(1, 200).Draw(t, "operations")) {
			switch op := rapid.IntRange(0, 4).Draw(t, "operation"); {
			case op < 3:
				at := rapid.Int64Range(0, 5).Draw(t, "at")
				model = append(model, entry{at, n, q.push(at, event{tag: n})})
				slices.SortStableFunc(model, func(a, b entry) int { return cmp.Compare(a.at, b.at) })
			case len(model) == 0:
			case op == 3:
				if e := q.pop(); e.tag != model[0].tag || e.id != model[0].id {
					t.Fatalf("popped %d, want %d", e.tag, model[0].tag)
				}
				gone = append(gone, model[0].id)
				model = model[1:]
			default:
				i := rapid.IntRange(0, len(model)-1).Draw(t, "which")
				if !q.remove(model[i].id) {
					t.Fatalf("%x is not there to remove", model[i].id)
				}
				gone = append(gone, model[i].id)
				model = slices.Delete(model, i, i+1)
			}
			if q.len() != len(model) {
				t.Fatalf("%d events, want %d", q.len(), len(model))
			}
		}
		for _, id := range append(gone, 0, 1<<40, TimerID(1<<31)) {
			if q.remove(id) {
				t.Fatalf("%x was removed twice", id)
			}
		}
		for _, want := range model {
			if e := q.pop(); e.tag != want.tag {
				t.Fatalf("popped %d, want %d", e.tag, want.tag)
			}
		}
	})
}

// A queue of a thousand events in a steady state: one pop and one push.
func BenchmarkQueue(b *testing.B) {
	var q queue
	rng := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		q.push(rng.Int64N(1e6), event{})
	}
	b.ReportAllocs()
	for b.Loop() {
		at := q.keys[0].at
		e := q.pop()
		q.push(at+rng.Int64N(1e6), e)
	}
}
