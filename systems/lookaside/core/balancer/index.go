package balancer

import (
	"math"
	"math/bits"
	"math/rand/v2"

	"dyno/systems/lookaside/core/policy"
)

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
