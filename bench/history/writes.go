package history

import (
	"cmp"
	"maps"
)

// writes is a set of writes: of each origin all up to a number, and single
// ones beyond it.
type writes struct {
	upTo   map[string]int64
	single map[WriteID]struct{}
	top    map[string]int64 // largest single one of each origin
}

func newWrites() *writes {
	return &writes{upTo: make(map[string]int64), single: make(map[WriteID]struct{}), top: make(map[string]int64)}
}

// writesOf reads a Seen without copying its vector.
func writesOf(s Seen) *writes {
	w := &writes{upTo: s.Vector, single: make(map[WriteID]struct{}, len(s.Writes)), top: make(map[string]int64)}
	if len(s.Writes) > 0 {
		w.upTo = maps.Clone(s.Vector) // add moves it
		if w.upTo == nil {
			w.upTo = make(map[string]int64)
		}
		for _, id := range s.Writes {
			w.add(id)
		}
	}
	return w
}

// empty ignores vectors of zeros.
func (w *writes) empty() bool {
	for _, n := range w.upTo {
		if n > 0 {
			return false
		}
	}
	return len(w.single) == 0
}

// add adds one write. Numbers that follow without a gap are kept as one.
func (w *writes) add(id WriteID) {
	if id.N <= w.upTo[id.Origin] {
		return
	}
	if id.N != w.upTo[id.Origin]+1 {
		w.single[id] = struct{}{}
		w.top[id.Origin] = max(w.top[id.Origin], id.N)
		return
	}
	w.raise(id.Origin, id.N)
}

// raise adds all writes of an origin up to n.
func (w *writes) raise(origin string, n int64) {
	if n <= w.upTo[origin] {
		return
	}
	if w.top[origin] == 0 { // none to swallow
		w.upTo[origin] = n
		return
	}
	for at := w.upTo[origin] + 1; at <= min(n, w.top[origin]); at++ {
		delete(w.single, WriteID{origin, at})
	}
	for w.top[origin] > n {
		if _, next := w.single[WriteID{origin, n + 1}]; !next {
			break
		}
		n++
		delete(w.single, WriteID{origin, n})
	}
	if w.upTo[origin] = n; w.top[origin] <= n {
		delete(w.top, origin)
	}
}

func (w *writes) join(s Seen) {
	for origin, n := range s.Vector {
		w.raise(origin, n)
	}
	for _, id := range s.Writes {
		w.add(id)
	}
}

func (w *writes) has(id WriteID) bool {
	if id.N <= w.upTo[id.Origin] {
		return true
	}
	_, ok := w.single[id]
	return ok
}

// lacks returns the first write of want, by origin and number, that is not in w.
func (w *writes) lacks(want *writes) (WriteID, bool) {
	var first WriteID
	found := false
	note := func(id WriteID) {
		if !found || cmp.Or(cmp.Compare(id.Origin, first.Origin), cmp.Compare(id.N, first.N)) < 0 {
			first, found = id, true
		}
	}
	for origin, n := range want.upTo {
		for at := w.upTo[origin] + 1; at <= n; at++ {
			if !w.has(WriteID{origin, at}) {
				note(WriteID{origin, at})
				break
			}
		}
	}
	if len(w.single) == 0 { // a vector: the largest of each origin stands for all
		for origin, n := range want.top {
			if n > w.upTo[origin] {
				note(WriteID{origin, n})
			}
		}
		return first, found
	}
	for id := range want.single {
		if !w.has(id) {
			note(id)
		}
	}
	return first, found
}
