package general

import (
	"fmt"
	"iter"
	"math/bits"
)

// MaxGenerals is how many generals there can be: one bit each in a [Set].
const MaxGenerals = 64

// Value is an order, or what somebody says that it is.
type Value uint8

// The orders. Retreat is also what silence and a tie mean.
const (
	Retreat Value = iota
	Attack
)

// String returns "attack" or "retreat".
func (v Value) String() string {
	if v == Attack {
		return "attack"
	}
	return "retreat"
}

// Not returns the other order.
func (v Value) Not() Value { return v ^ 1 }

// ParseValue reads attack or retreat, or the first letter of one.
func ParseValue(text string) (Value, error) {
	switch text {
	case "attack", "a":
		return Attack, nil
	case "retreat", "r":
		return Retreat, nil
	}
	return Retreat, fmt.Errorf("%q is neither attack (a) nor retreat (r)", text)
}

// Set is a set of generals, one bit per id.
type Set uint64

// Only returns the set of the given generals.
func Only(ids ...int) Set {
	var s Set
	for _, id := range ids {
		s |= 1 << id
	}
	return s
}

// First returns the set of generals 0 to n−1.
func First(n int) Set {
	if n >= MaxGenerals {
		return ^Set(0)
	}
	return 1<<n - 1
}

// Has reports whether a general is in the set.
func (s Set) Has(id int) bool { return s>>id&1 == 1 }

// Len returns the number of generals in the set.
func (s Set) Len() int { return bits.OnesCount64(uint64(s)) }

// All yields the members in order.
func (s Set) All() iter.Seq[int] {
	return func(yield func(int) bool) {
		for ; s != 0; s &= s - 1 {
			if !yield(bits.TrailingZeros64(uint64(s))) {
				return
			}
		}
	}
}

// At returns the value that a word with one bit per general holds for one.
func (s Set) At(id int) Value { return Value(s >> id & 1) }

// Spread returns a word that holds the value for everybody.
func (v Value) Spread() Set { return -Set(v) }
