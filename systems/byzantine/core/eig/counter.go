package eig

import "dyno/systems/byzantine/core/general"

// planes is how many bits a count of votes may have: there are at most 64.
const planes = 7

// counter holds a number per general, sliced by bits: plane k has bit k of
// everybody's number.
type counter [planes]general.Set

// fill sets everybody's number, which must be below 128.
func (c *counter) fill(n uint) {
	for k := range c {
		c[k] = general.Value(n >> k & 1).Spread()
	}
}

// add adds one to the numbers of those whose bit is set.
func (c *counter) add(word general.Set) {
	for k := 0; word != 0 && k < planes; k++ {
		c[k], word = c[k]^word, c[k]&word
	}
}

// above returns those whose number is greater than n.
func (c *counter) above(n uint) general.Set {
	greater, equal := general.Set(0), ^general.Set(0)
	for k := planes - 1; k >= 0; k-- {
		if n>>k&1 == 1 {
			equal &= c[k]
		} else {
			greater |= equal & c[k]
			equal &^= c[k]
		}
	}
	return greater
}
