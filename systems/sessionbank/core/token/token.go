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
	"errors"
	"fmt"
	"strings"

	"dyno/internal/replica"
)

// Kind says how a token names writes.
type Kind uint8

// The kinds.
const (
	Vector   Kind = iota // by one number for each branch: it and all before it
	WriteSet             // one by one
)

// kinds are the words for them.
var kinds = []string{"vector", "writeset"}

// Kinds are the words for the kinds of token.
func Kinds() []string { return kinds }

// ParseKind reads a word.
func ParseKind(text string) (Kind, error) {
	for i, w := range kinds {
		if w == text {
			return Kind(i), nil
		}
	}
	return 0, fmt.Errorf("token %q is none of vector, writeset", text)
}

// String is the inverse of ParseKind.
func (k Kind) String() string { return kinds[k] }

// Token is what a session has written and read, as far as its guarantees need
// it. The zero value is that of a new session, with vectors.
type Token struct {
	Kind    Kind
	written set
	read    set
}

// Op says what an operation does.
type Op struct{ Reads, Writes bool }

// Demand is what a branch must have applied before it serves an operation. It
// must not be changed.
func (t *Token) Demand(g Guarantees, op Op) replica.Vector {
	written := op.Reads && g.has(ReadYourWrites) || op.Writes && g.has(MonotonicWrites)
	read := op.Reads && g.has(MonotonicReads) || op.Writes && g.has(WritesFollowReads)
	return t.both(written, read)
}

// Follows is what every branch must have applied before it applies a write of
// the session: its dependency vector. It must not be changed.
func (t *Token) Follows(g Guarantees) replica.Vector {
	return t.both(g.has(MonotonicWrites), g.has(WritesFollowReads))
}

func (t *Token) both(written, read bool) replica.Vector {
	switch {
	case written && read && len(t.read.top) == 0, written && !read:
		return t.written.top
	case written && read && len(t.written.top) == 0, read && !written:
		return t.read.top
	case !written:
		return nil
	}
	v := t.written.top.Clone()
	v.Merge(t.read.top)
	return v
}

// Wrote takes in a write of the session.
func (t *Token) Wrote(g Guarantees, origin replica.ID, seq uint64) {
	if g.has(ReadYourWrites | MonotonicWrites) {
		t.written.add(t.Kind, origin, seq)
	}
}

// Saw takes in that the session has read the state at a vector.
func (t *Token) Saw(g Guarantees, v replica.Vector) {
	if !g.has(MonotonicReads | WritesFollowReads) {
		return
	}
	for origin, n := range v {
		t.read.addAll(t.Kind, origin, n)
	}
}

// Known reports whether all writes of the token are of some branches.
func (t *Token) Known(branches []replica.ID) bool {
	known := func(v replica.Vector) bool {
		n := 0
		for _, id := range branches {
			if _, ok := v[id]; ok {
				n++
			}
		}
		return n == len(v)
	}
	return known(t.written.top) && known(t.read.top)
}

var errToken = errors.New("it is not a session token, or was cut")

// Append encodes a token: equal ones have equal encodings, a new session's is
// empty.
func (t *Token) Append(b []byte) []byte {
	if len(t.written.top) == 0 && len(t.read.top) == 0 {
		return b
	}
	b = append(b, byte(t.Kind))
	b = t.written.encode(t.Kind, b)
	return t.read.encode(t.Kind, b)
}

// Parse decodes what [Token.Append] has made; an empty one is of a kind that
// the caller chooses. A token of another kind is an error.
func Parse(kind Kind, b []byte) (t Token, err error) {
	t.Kind = kind
	if len(b) == 0 {
		return t, nil
	}
	if int(b[0]) >= len(kinds) {
		return t, errToken
	}
	if Kind(b[0]) != kind {
		return t, fmt.Errorf("it is a %v token, the session uses %v", Kind(b[0]), kind)
	}
	rest := b[1:]
	if t.written, rest, err = decode(kind, rest); err != nil {
		return Token{Kind: kind}, err
	}
	if t.read, rest, err = decode(kind, rest); err != nil || len(rest) > 0 {
		return Token{Kind: kind}, errToken
	}
	return t, nil
}

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
