package task

import (
	"bytes"
	"cmp"
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

// Prefixes are sorted by digits of 11 bits, the last one first. Six passes
// over memory in order cost a quarter of what the comparisons of a quicksort
// do, which are mispredicted half of the time.
const (
	digitBits = 11
	digits    = 6
	radixFrom = 1 << 10 // below, clearing the counters costs more than it saves
)

// sortPart sorts s.part by key.
func (s *sorter) sortPart() {
	if len(s.part) < radixFrom {
		slices.SortFunc(s.part, func(a, b sortable) int {
			if c := cmp.Compare(a.prefix, b.prefix); c != 0 {
				return c
			}
			return s.rest(a, b)
		})
		return
	}
	s.radix()
	for from := 0; from < len(s.part); {
		to := from + 1
		for to < len(s.part) && s.part[to].prefix == s.part[from].prefix {
			to++
		}
		if to-from > 1 {
			slices.SortFunc(s.part[from:to], s.rest)
		}
		from = to
	}
}

// radix sorts s.part by prefix.
func (s *sorter) radix() {
	s.spare = slices.Grow(s.spare[:0], len(s.part))[:len(s.part)]
	clear(s.counts[:])
	for _, o := range s.part {
		for d := range digits {
			s.counts[d][digit(o.prefix, d)]++
		}
	}
	for d := range digits {
		counts := &s.counts[d]
		if int(counts[digit(s.part[0].prefix, d)]) == len(s.part) {
			continue // all have the same
		}
		at := uint32(0)
		for i, n := range counts {
			counts[i] = at
			at += n
		}
		for _, o := range s.part {
			c := &counts[digit(o.prefix, d)]
			s.spare[*c] = o
			*c++
		}
		s.part, s.spare = s.spare, s.part
	}
}

func digit(prefix uint64, d int) uint64 { return prefix >> (digitBits * d) & (1<<digitBits - 1) }
