package branch

import "math/bits"

// wide is a sum of int64 that cannot overflow, in two's complement.
type wide struct {
	hi int64
	lo uint64
}

func (w wide) add(n int64) wide { return w.plus(wide{n >> 63, uint64(n)}) }

func (w wide) plus(v wide) wide {
	lo, carry := bits.Add64(w.lo, v.lo, 0)
	return wide{w.hi + v.hi + int64(carry), lo}
}

func (w wide) minus(v wide) wide {
	lo, borrow := bits.Sub64(w.lo, v.lo, 0)
	return wide{w.hi - v.hi - int64(borrow), lo}
}

func (w wide) negative() bool { return w.hi < 0 }

func (w wide) positive() bool { return w.hi > 0 || w.hi == 0 && w.lo > 0 }

// covers reports whether it is at least n.
func (w wide) covers(n int64) bool { return !w.add(-n).negative() }

// int64 is the sum where it is one.
func (w wide) int64() (n int64, fits bool) {
	n = int64(w.lo)
	return n, w.hi == n>>63
}

// clip is the nearest int64.
func (w wide) clip() int64 {
	n, fits := w.int64()
	switch {
	case fits:
		return n
	case w.negative():
		return -1 << 63
	}
	return 1<<63 - 1
}
