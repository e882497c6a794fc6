package balancer

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"unicode/utf8"

	"dyno/systems/lookaside/core/policy"
)

// Join adds a server, or replaces its row. Of two registrations of the same id
// the one with the higher revision counts; at equal revisions the later call
// does (a server that restarts before its old lease ends overwrites its own
// key). An older one is ignored: news may arrive by two ways, in any order.
// Counters and reports survive as long as the instance stays the same.
//
// The error is [ErrInvalid] for an empty or absurd field and [ErrFull] when
// the table has no room.
func (b *Balancer) Join(m Member) error {
	if err := m.Validate(); err != nil {
		return err
	}
	r, known := b.byID[m.ID]
	switch {
	case !known && len(b.rows) >= MaxServers:
		return ErrFull
	case known && m.Revision < r.Revision, known && m == r.Member:
		return nil
	case known:
		b.remove(r)
	}
	if !known || r.Instance != m.Instance {
		r = &row{counted: b.now, index: -1}
	}
	r.Member = m
	b.byID[m.ID] = r
	i, _ := slices.BinarySearchFunc(b.rows, r, order)
	b.rows = slices.Insert(b.rows, i, r)
	b.fresh = false
	b.changes++
	return nil
}

// Leave removes a server if the given instance is the one in the table, and
// reports whether it did. The late end of an older instance's lease changes
// nothing.
func (b *Balancer) Leave(id, instance string) bool {
	r, known := b.byID[id]
	if !known || r.Instance != instance {
		return false
	}
	b.remove(r)
	delete(b.byID, id)
	b.changes++
	return true
}

// Changes counts how often the table has changed: servers that joined, left or
// were replaced.
func (b *Balancer) Changes() uint64 { return b.changes }

// remove takes a row out of the order.
func (b *Balancer) remove(r *row) {
	i, _ := slices.BinarySearchFunc(b.rows, r, order)
	b.rows = slices.Delete(b.rows, i, i+1)
	b.fresh = false
}

// Validate reports the first field that is empty or absurd, as an [ErrInvalid].
func (m Member) Validate() error {
	for _, f := range [...]struct{ name, text string }{{"id", m.ID}, {"instance", m.Instance}, {"address", m.Address}} {
		switch {
		case f.text == "":
			return invalid("server %q: its %s is empty", m.ID, f.name)
		case len(f.text) > MaxName || !utf8.ValidString(f.text):
			return invalid("server %.40q: its %s is longer than %d bytes or not UTF-8", m.ID, f.name, MaxName)
		}
	}
	if !(m.Capacity >= MinCapacity && m.Capacity <= MaxCapacity) { // so written, NaN fails
		return invalid("server %q: capacity %v is not between %v and %v", m.ID, m.Capacity, MinCapacity, MaxCapacity)
	}
	if m.Revision < 0 {
		return invalid("server %q: revision %d is negative", m.ID, m.Revision)
	}
	return nil
}

// index finds the lowest of many scores, of several such the first or each with
// the same chance, and takes in a changed one, in time O(log n): a tournament tree, in
// which every node knows the lowest score below it and how many have it.
type index struct {
	leaves int // a power of two
	nodes  []indexNode
}

// indexNode is a node of the tree: node 1 is the root, the children of k are 2k
// and 2k+1, and the leaves begin at index.leaves.
type indexNode struct {
	lowest float64
	tied   int // leaves below that have it; 0 below a place that nobody has
}

// build makes the tree anew.
func (x *index) build(view []policy.Server, p policy.Scored) {
	x.leaves = 1 << bits.Len(uint(max(len(view), 1)-1))
	if cap(x.nodes) < 2*x.leaves {
		x.nodes = make([]indexNode, 2*x.leaves)
	}
	x.nodes = x.nodes[:2*x.leaves]
	for i := range x.leaves {
		leaf := indexNode{lowest: math.Inf(1)}
		if i < len(view) {
			leaf = indexNode{lowest: p.Score(&view[i]), tied: 1}
		}
		x.nodes[x.leaves+i] = leaf
	}
	for k := x.leaves - 1; k > 0; k-- {
		x.nodes[k] = better(x.nodes[2*k], x.nodes[2*k+1])
	}
}

func better(a, b indexNode) indexNode {
	switch {
	case a.lowest < b.lowest:
		return a
	case b.lowest < a.lowest:
		return b
	default:
		return indexNode{lowest: a.lowest, tied: a.tied + b.tied}
	}
}

// set changes the score of entry i.
func (x *index) set(i int, score float64) {
	k := x.leaves + i
	x.nodes[k].lowest = score
	for k /= 2; k > 0; k /= 2 {
		n := better(x.nodes[2*k], x.nodes[2*k+1])
		if n == x.nodes[k] {
			return // nor does anything change above
		}
		x.nodes[k] = n
	}
}

// pick draws one of the entries with the lowest score, or takes the first where
// there is nothing to draw with. There must be one.
func (x *index) pick(rng *rand.Rand) int {
	root, rank := x.nodes[1], 0
	if rng != nil && root.tied > 1 {
		rank = rng.IntN(root.tied)
	}
	k := 1
	for k < x.leaves {
		k *= 2
		switch left := x.nodes[k]; {
		case left.lowest != root.lowest:
			k++
		case rank >= left.tied:
			rank -= left.tied
			k++
		}
	}
	return k - x.leaves
}
