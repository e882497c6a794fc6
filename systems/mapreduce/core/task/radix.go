package task

import (
	"cmp"
	"slices"
)

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
