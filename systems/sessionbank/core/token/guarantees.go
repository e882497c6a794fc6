// Package token is what a session carries from branch to branch: which writes it
// has made and which it has read, so that any branch can tell whether it has
// applied enough to serve it.
//
// The four session guarantees (Terry and others, Session Guarantees for Weakly
// Consistent Replicated Data, 1994) differ in what they demand before what:
//
//	                        before a read    before a write, here and at every branch
//	read your writes        own writes       -
//	monotonic reads         what was read    -
//	monotonic writes        -                own writes
//	writes follow reads     -                what was read
//
// A withdrawal can be refused, which tells about the balance: it demands what a
// read demands, and what a write does.
package token

import (
	"fmt"
	"strings"
)

// Guarantees is a set of session guarantees.
type Guarantees uint8

// The guarantees.
const (
	ReadYourWrites Guarantees = 1 << iota
	MonotonicWrites
	MonotonicReads
	WritesFollowReads

	None Guarantees = 0
	All             = ReadYourWrites | MonotonicWrites | MonotonicReads | WritesFollowReads
)

// words are the guarantees as people write them, in the order of their bits.
var words = []string{"ryw", "mw", "mr", "wfr"}

// ParseGuarantees reads a list such as ryw,mw, or none, or all.
func ParseGuarantees(text string) (Guarantees, error) {
	switch text {
	case "none":
		return None, nil
	case "all":
		return All, nil
	}
	var g Guarantees
	for word := range strings.SplitSeq(text, ",") {
		bit := Guarantees(0)
		for i, w := range words {
			if strings.TrimSpace(word) == w {
				bit = 1 << i
			}
		}
		if bit == 0 {
			return 0, fmt.Errorf("%q is not %s", word, AllowedGuarantees)
		}
		g |= bit
	}
	return g, nil
}

// AllowedGuarantees says what [ParseGuarantees] takes.
const AllowedGuarantees = "none, all, or a list of ryw, mw, mr, wfr"

// String is the inverse of ParseGuarantees.
func (g Guarantees) String() string {
	switch g {
	case None:
		return "none"
	case All:
		return "all"
	}
	var in []string
	for i, w := range words {
		if g.has(1 << i) {
			in = append(in, w)
		}
	}
	return strings.Join(in, ",")
}

// has reports whether any of some guarantees is in the set.
func (g Guarantees) has(any Guarantees) bool { return g&any != 0 }
