package task

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"

	"dyno/systems/mapreduce/core/job"
)

// sortable is an entry while it is sorted: its number, and the first 8 bytes
// of its key as a number that sorts like them.
type sortable struct {
	prefix uint64
	number uint32
}

// sorter hands out a table's entries in the order of a run.
type sorter struct {
	table  *table
	byPart []uint32 // entry numbers, grouped by reduce task
	ends   []uint32 // where each group ends
	part   []sortable
	spare  []sortable // of the same length, while part is sorted
	counts [digits][1 << digitBits]uint32
	ahead  [64]entry
}

// group groups the entries by reduce task.
func (s *sorter) group(t *table) {
	s.table = t
	s.ends = slices.Grow(s.ends[:0], t.reduces+1)[:t.reduces+1]
	clear(s.ends)
	for i := range t.entries {
		s.ends[t.entries[i].part+1]++
	}
	for i := range t.reduces {
		s.ends[i+1] += s.ends[i]
	}
	s.byPart = slices.Grow(s.byPart[:0], len(t.entries))[:len(t.entries)]
	for i := range t.entries {
		at := &s.ends[t.entries[i].part]
		s.byPart[*at] = uint32(i)
		*at++
	}
}

// numbers returns the entries of a reduce task, sorted by key.
func (s *sorter) numbers(part int) []sortable {
	from := uint32(0)
	if part > 0 {
		from = s.ends[part-1]
	}
	s.part = s.part[:0]
	for _, n := range s.byPart[from:s.ends[part]] {
		s.part = append(s.part, sortable{prefix: bits.ReverseBytes64(s.table.entries[n].head), number: n})
	}
	s.sortPart()
	return s.part
}

// rest compares two keys of the same prefix.
func (s *sorter) rest(a, b sortable) int {
	return bytes.Compare(s.table.key(&s.table.entries[a.number]), s.table.key(&s.table.entries[b.number]))
}

// write writes a reduce task's entries to a run.
func (s *sorter) write(part int, run *runWriter) {
	t := s.table
	var buf [binary.MaxVarintLen64]byte
	for order := s.numbers(part); len(order) > 0; {
		n := min(len(order), len(s.ahead))
		s.fetch(order[:n])
		order = order[n:]
		for i := range s.ahead[:n] {
			e := &s.ahead[i]
			key := t.key(e)
			if !t.program.Texts && t.program.Combine != nil {
				run.add(key, job.AppendNumber(buf[:0], e.value))
				continue
			}
			for at := place(e.value); at != nowhere; {
				chunk := t.arena.at(at)
				run.add(key, chunkValues(chunk))
				at = place(binary.LittleEndian.Uint64(chunk))
			}
		}
	}
}

// fetch copies some entries, and reads their keys: sorted entries lie all over
// the memory, and misses that do not wait for each other cost as much as one.
func (s *sorter) fetch(order []sortable) {
	for i, o := range order {
		s.ahead[i] = s.table.entries[o.number]
	}
	sum := uint64(0)
	for i := range order {
		if e := &s.ahead[i]; e.size > 0 {
			sum += uint64(s.table.arena.at(e.key)[0])
		}
	}
	s.table.touched = sum
}
