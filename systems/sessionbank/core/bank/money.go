package bank

import "math/bits"

// money is a sum of 128 bits: however many amounts of 64 bits are added in
// whatever order, only the result must fit.
type money struct {
	hi int64
	lo uint64
}

func (m money) plus(n int64) money {
	lo, carry := bits.Add64(m.lo, uint64(n), 0)
	hi, _ := bits.Add64(uint64(m.hi), uint64(n>>63), carry)
	return money{int64(hi), lo}
}

// fit is the sum as an amount; ok is false if it is beyond 64 bits.
func (m money) fit() (n int64, ok bool) { return int64(m.lo), m.hi == int64(m.lo)>>63 }

func (m money) negative() bool { return m.hi < 0 }
