package history

import "math/bits"

// sum is a 128-bit total. Adding fewer than 2⁶³ amounts cannot wrap, in
// whatever order, so only the result is held against the range of int64.
type sum struct {
	hi int64
	lo uint64
}

func sumOf(n int64) sum { return sum{n >> 63, uint64(n)} }

func (s sum) add(n int64) sum { return s.plus(sumOf(n)) }

func (s sum) plus(t sum) sum {
	lo, carry := bits.Add64(s.lo, t.lo, 0)
	hi, _ := bits.Add64(uint64(s.hi), uint64(t.hi), carry)
	return sum{int64(hi), lo}
}

func (s sum) minus(t sum) sum {
	lo, borrow := bits.Sub64(s.lo, t.lo, 0)
	hi, _ := bits.Sub64(uint64(s.hi), uint64(t.hi), borrow)
	return sum{int64(hi), lo}
}

func (s sum) less(t sum) bool { return s.hi < t.hi || s.hi == t.hi && s.lo < t.lo }

// int64 is the total as an amount; ok is false when it overflows.
func (s sum) int64() (n int64, ok bool) { return int64(s.lo), s == sumOf(int64(s.lo)) }
