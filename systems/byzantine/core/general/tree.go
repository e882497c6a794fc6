package general

// tree holds what one general heard about one commander's order: a cell per
// path. It is the tree of exponential information gathering, a level per round.
type tree struct {
	n, depth  int
	commander int
	cells     [][]cell // by path length less one; a path is a number with its ids but the first for digits
}

// cell is what was heard along a path.
type cell uint8

const (
	nothing cell = iota
	heardRetreat
	heardAttack
)

func newTree(n, depth, commander int) *tree {
	t := &tree{n: n, depth: depth, commander: commander, cells: make([][]cell, depth)}
	size := 1
	for i := range t.cells {
		t.cells[i] = make([]cell, size)
		size *= n
	}
	return t
}

// at finds a path's cell. The path begins with the commander and has at most
// depth ids.
func (t *tree) at(path string) *cell {
	i := 0
	for k := 1; k < len(path); k++ {
		i = i*t.n + int(path[k])
	}
	return &t.cells[len(path)-1][i]
}

// put stores a value, unless the path has one.
func (t *tree) put(path string, v Value) bool {
	c := t.at(path)
	if *c != nothing {
		return false
	}
	*c = heardRetreat + cell(v)
	return true
}

// value is what a cell stands for: silence is retreat.
func (c cell) value() Value {
	if c == heardAttack {
		return Attack
	}
	return Retreat
}

// paths calls f with every path of a length that avoids some generals, in
// order. The slice is reused.
func (t *tree) paths(length int, avoid Set, f func(path []byte)) {
	if avoid.Has(t.commander) || length < 1 {
		return
	}
	path := make([]byte, 1, length)
	path[0] = byte(t.commander)
	t.extend(path, length, avoid|Only(t.commander), f)
}

func (t *tree) extend(path []byte, length int, avoid Set, f func([]byte)) {
	if len(path) == length {
		f(path)
		return
	}
	for id := range (First(t.n) &^ avoid).All() {
		t.extend(append(path, byte(id)), length, avoid|Only(id), f)
	}
}

// resolve is the recursive majority that general me comes to about a path: of
// what it heard along the path itself, and of what each other general, asked
// the same way, says that it heard. index is the path's cell in its level.
func (t *tree) resolve(me int, level, index int, on Set, tie Value) Value {
	own := t.cells[level][index].value()
	if level == t.depth-1 {
		return own
	}
	votes, attack := 1, int(own)
	for id := range (First(t.n) &^ on &^ Only(me)).All() {
		votes++
		attack += int(t.resolve(me, level+1, index*t.n+id, on|Only(id), tie))
	}
	return majority(attack, votes, tie)
}

// flat is the majority of everything heard on any path, however long.
func (t *tree) flat(tie Value) Value {
	votes, attack := 0, 0
	for _, level := range t.cells {
		for _, c := range level {
			if c != nothing {
				votes++
				attack += int(c.value())
			}
		}
	}
	return majority(attack, votes, tie)
}

func majority(attack, votes int, tie Value) Value {
	switch {
	case 2*attack > votes:
		return Attack
	case 2*attack == votes:
		return tie
	}
	return Retreat
}
