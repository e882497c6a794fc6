package tx

import "time"

// Agenda is a heap of moments at which something is due for a transaction. An
// entry is never removed: who takes it out looks whether it still counts. The
// zero value is ready.
type Agenda struct{ heap []due }

type due struct {
	at time.Duration
	id ID
}

func (d due) before(o due) bool { return d.at < o.at || d.at == o.at && d.id.Compare(o.id) < 0 }

// Add notes that something is due.
func (a *Agenda) Add(at time.Duration, id ID) {
	a.heap = append(a.heap, due{at, id})
	h := a.heap
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if !h[i].before(h[parent]) {
			return
		}
		h[i], h[parent] = h[parent], h[i]
		i = parent
	}
}

// First returns what is due first.
func (a *Agenda) First() (at time.Duration, id ID, ok bool) {
	if len(a.heap) == 0 {
		return 0, ID{}, false
	}
	return a.heap[0].at, a.heap[0].id, true
}

// Pop removes what is due first.
func (a *Agenda) Pop() {
	h := a.heap
	last := len(h) - 1
	h[0] = h[last]
	a.heap = h[:last]
	h = a.heap
	for i := 0; ; {
		least := i
		for _, child := range [2]int{2*i + 1, 2*i + 2} {
			if child < len(h) && h[child].before(h[least]) {
				least = child
			}
		}
		if least == i {
			return
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
}
