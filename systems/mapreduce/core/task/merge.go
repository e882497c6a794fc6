package task

import (
	"bytes"
	"math"
)

// merge reads several runs as one: a tree of losers, in which a record costs
// one comparison for each level. Ties go to the reader that stands first.
type merge struct {
	readers []*runReader
	prefix  []uint64 // of each reader's key; the largest number at its end
	tree    []int32  // tree[0] is the winner, the others lost at that node
}

// newMerge reads the first record of each run.
func newMerge(readers []*runReader) (*merge, error) {
	n := len(readers)
	m := &merge{readers: readers, prefix: make([]uint64, n), tree: make([]int32, max(n, 1))}
	winners := make([]int32, 2*n)
	for i := range readers {
		if err := m.read(int32(i)); err != nil {
			return nil, err
		}
		winners[n+i] = int32(i)
	}
	for node := n - 1; node > 0; node-- {
		a, b := winners[2*node], winners[2*node+1]
		if m.before(b, a) {
			a, b = b, a
		}
		winners[node], m.tree[node] = a, b
	}
	if n > 1 {
		m.tree[0] = winners[1]
	}
	return m, nil
}

// top returns the reader with the smallest key, or nil at the end.
func (m *merge) top() *runReader {
	if len(m.readers) == 0 || m.readers[m.tree[0]].done {
		return nil
	}
	return m.readers[m.tree[0]]
}

// next advances the reader on top.
func (m *merge) next() error {
	winner := m.tree[0]
	if err := m.read(winner); err != nil {
		return err
	}
	for node := (len(m.readers) + int(winner)) / 2; node > 0; node /= 2 {
		if loser := m.tree[node]; m.before(loser, winner) {
			m.tree[node], winner = winner, loser
		}
	}
	m.tree[0] = winner
	return nil
}

func (m *merge) read(i int32) error {
	r := m.readers[i]
	more, err := r.advance()
	m.prefix[i] = r.prefix
	if !more {
		r.done = true
		m.prefix[i] = math.MaxUint64
	}
	return err
}

// before reports whether reader a's record comes before reader b's.
func (m *merge) before(a, b int32) bool {
	if x, y := m.prefix[a], m.prefix[b]; x != y {
		return x < y
	}
	x, y := m.readers[a], m.readers[b]
	if x.done || y.done {
		return y.done && (!x.done || a < b)
	}
	if len(x.key) > 8 || len(y.key) > 8 || len(x.key) != len(y.key) {
		if c := bytes.Compare(x.key, y.key); c != 0 {
			return c < 0
		}
	}
	return a < b
}
