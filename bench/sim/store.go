package sim

import (
	"math/rand/v2"
	"slices"
)

// store is what a node's disk holds, through all lives of the node.
type store struct {
	w        *World
	chance   rand.PCG          // one draw for every operation
	files    map[string][]byte // as the node sees them
	durable  map[string][]byte // as a crash would leave them
	pending  []change          // what files has and durable has not
	first    uint64            // number of the first pending change, counted from 0
	size     int               // bytes in files
	buffered int               // bytes in pending
	busy     int64             // the moment at which the last sync ends, in ns
	forces   []force           // SlowDisk, FullDisk and FailSync
}

type changeKind uint8

const (
	appended changeKind = iota
	replaced
	truncated
	removed
	written
	renamed
)

// sector is what a disk writes whole or not at all.
const sector = 512

// change is one buffered operation.
type change struct {
	kind   changeKind
	file   string
	offset int    // where an append or a write begins, or the size to truncate to
	data   []byte // of a rename, the new name
}

func (s *store) init(w *World, n *node) {
	s.w, s.chance = w, *stream(w.cfg.Seed, "disk", n.id, 0)
	s.files, s.durable = map[string][]byte{}, map[string][]byte{}
}

// strikes draws whether a fault makes the present operation fail.
func (s *store) strikes(kind Kind) bool {
	draw := s.chance.Uint64()
	if len(s.forces) == 0 {
		return false
	}
	s.w.chance.Seed(draw, s.w.cfg.Seed)
	hit := false
	for _, f := range s.forces {
		hit = f.kind == kind && s.w.rng.Float64() < f.p || hit
	}
	return hit
}

// finish ends a sync: what it covered is durable or, if it fails, lost.
func (s *store) finish(e *event) {
	e.failed = s.strikes(FailSync)
	covered := int(max(e.mark, s.first) - s.first) // an earlier sync may have covered it all
	for _, c := range s.pending[:covered] {
		s.buffered -= len(c.data)
		if !e.failed {
			c.apply(s.durable)
		}
	}
	s.pending = slices.Delete(s.pending, 0, covered)
	s.first += uint64(covered)
}

// crash leaves what is durable and, of what is not, a prefix: that share of
// its bytes. What has no bytes counts as one.
func (s *store) crash(share float64) {
	total := 0
	for _, c := range s.pending {
		total += c.weight()
	}
	left := int(share * float64(total))
	for _, c := range s.pending {
		if left < c.weight() {
			if c.tear(left) {
				c.apply(s.durable)
			}
			break
		}
		left -= c.weight()
		c.apply(s.durable)
	}
	s.first += uint64(len(s.pending))
	s.pending, s.buffered, s.size, s.busy = nil, 0, 0, 0
	s.files = map[string][]byte{}
	for name, data := range s.durable { // into a map: the order does not show
		s.files[name] = slices.Clone(data)
		s.size += len(data)
	}
}

func (s *store) survivor(file string) []byte { return slices.Clone(s.durable[file]) }

// tear leaves so many of the change's bytes, a written one's to a whole sector,
// and reports whether anything is left of it.
func (c *change) tear(left int) bool {
	switch c.kind {
	case appended:
		c.data = c.data[:left]
	case written:
		c.data = c.data[:max(0, (c.offset+left)/sector*sector-c.offset)]
	default:
		return false
	}
	return len(c.data) > 0
}

func (c change) weight() int { return max(1, len(c.data)) }

// apply makes the change to files and returns by how many bytes they grew.
func (c change) apply(files map[string][]byte) int {
	before, old := len(files[c.file]), files[c.file]
	switch c.kind {
	case appended, written:
		if old == nil {
			old = []byte{} // a file, though empty
		}
		if end := c.offset + len(c.data); end > len(old) {
			old = append(old, make([]byte, end-len(old))...)
		}
		copy(old[c.offset:], c.data)
		files[c.file] = old
	case replaced:
		files[c.file] = append([]byte{}, c.data...)
	case truncated:
		if len(old) > c.offset {
			files[c.file] = old[:c.offset]
		}
	case removed:
		delete(files, c.file)
	case renamed:
		if old == nil {
			return 0
		}
		to := string(c.data)
		delete(files, c.file)
		lost := len(files[to])
		files[to] = old
		return -lost
	}
	return len(files[c.file]) - before
}
