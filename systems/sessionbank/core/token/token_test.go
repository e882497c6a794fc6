package token

import (
	"bytes"
	"reflect"
	"testing"

	"dyno/internal/replica"
)

func TestGuaranteesParse(t *testing.T) {
	for g := None; g <= All; g++ {
		if got, err := ParseGuarantees(g.String()); err != nil || got != g {
			t.Errorf("%v comes back as %v, %v", g, got, err)
		}
	}
	for _, bad := range []string{"", "ryw,", "RYW", "none,mw"} {
		if g, err := ParseGuarantees(bad); err == nil {
			t.Errorf("%q is %v", bad, g)
		}
	}
}

// Each guarantee demands its own, before its own kind of operation.
func TestDemand(t *testing.T) {
	for _, kind := range []Kind{Vector, WriteSet} {
		token := Token{Kind: kind}
		token.Wrote(All, 1, 5)
		token.Saw(All, replica.Vector{2: 3, 3: 0})
		own, read := replica.Vector{1: 5}, replica.Vector{2: 3}
		both := replica.Vector{1: 5, 2: 3}
		query, deposit, withdraw := Op{Reads: true}, Op{Writes: true}, Op{Reads: true, Writes: true}
		for _, c := range []struct {
			g               Guarantees
			q, d, w, follow replica.Vector
		}{
			{None, nil, nil, nil, nil},
			{ReadYourWrites, own, nil, own, nil},
			{MonotonicReads, read, nil, read, nil},
			{MonotonicWrites, nil, own, own, own},
			{WritesFollowReads, nil, read, read, read},
			{ReadYourWrites | WritesFollowReads, own, read, both, read},
			{All, both, both, both, both},
		} {
			got := []replica.Vector{token.Demand(c.g, query), token.Demand(c.g, deposit), token.Demand(c.g, withdraw), token.Follows(c.g)}
			if want := []replica.Vector{c.q, c.d, c.w, c.follow}; !reflect.DeepEqual(got, want) {
				t.Errorf("%v, %v: query, deposit, withdrawal and dependencies are %v, want %v", kind, c.g, got, want)
			}
		}
	}
}

// A token keeps only what its guarantees need.
func TestKeepsWhatIsNeeded(t *testing.T) {
	for g, want := range map[Guarantees]int{None: 0, ReadYourWrites: 1, MonotonicReads: 2, All: 3} {
		var token Token
		token.Wrote(g, 1, 1)
		token.Saw(g, replica.Vector{2: 1, 3: 1})
		if n := len(token.written.top) + len(token.read.top); n != want {
			t.Errorf("%v keeps %d numbers, want %d", g, n, want)
		}
	}
}

// The size of a vector grows with branches, that of a write set with writes.
func TestSizes(t *testing.T) {
	size := func(kind Kind, branches, writes int) int {
		token := Token{Kind: kind}
		for i := range writes {
			token.Wrote(All, replica.ID(i%branches+1), uint64(i/branches+1))
		}
		return len(token.Append(nil))
	}
	for _, c := range []struct{ branches, writes, vector, most int }{{3, 10, 9, 9}, {3, 10_000, 12, 12}, {32, 10_000, 99, 99}} {
		if n := size(Vector, c.branches, c.writes); n > c.most || n < c.vector {
			t.Errorf("a vector of %d branches after %d writes has %d bytes, want %d to %d", c.branches, c.writes, n, c.vector, c.most)
		}
	}
	if n := size(WriteSet, 3, 10_000); n < 10_000 || n > 11_000 {
		t.Errorf("a write set of 10,000 writes has %d bytes", n)
	}
}

// What decodes encodes to the same token, and nothing makes it panic.
func FuzzParse(f *testing.F) {
	for _, kind := range []Kind{Vector, WriteSet} {
		token := Token{Kind: kind}
		token.Wrote(All, 3, 9)
		token.Saw(All, replica.Vector{1: 4, 200: 300})
		f.Add(token.Append(nil))
	}
	f.Add([]byte{1, 255, 255, 255, 255, 255, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, kind := range []Kind{Vector, WriteSet} {
			token, err := Parse(kind, b)
			if err != nil {
				continue
			}
			text := token.Append(nil)
			again, err := Parse(kind, text)
			if err != nil || !bytes.Equal(again.Append(nil), text) {
				t.Fatalf("%x comes back as %x, %v", text, again.Append(nil), err)
			}
		}
	})
}
