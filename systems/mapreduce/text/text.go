// Package text writes text for trials and tests of system mapreduce: words of
// several scripts, few of them often and most of them rarely, from a seed. The
// same options always give the same bytes.
//
// Ranks are drawn log-uniformly (every octave of ranks is as likely as any
// other), which is Zipf's law with exponent 1, in steps of an octave. That
// needs no table, so a vocabulary of millions costs no memory here.
package text

import (
	"io"
	"math/bits"

	"dyno/internal/splitmix"
)

// Options say what text to write.
type Options struct {
	Seed     uint64
	Bytes    int64    // how much, exactly
	Distinct int      // vocabulary, at least 2; words beyond what Bytes has room for do not occur
	Scripts  []Script // whose letters: each word is of one of them; empty: Latin
	Dirt     int      // one separator in so many is a byte that is not UTF-8; 0: none
}

// Writer writes text in pieces.
type writer struct {
	Options
	state  uint64 // of the random numbers
	octave uint64 // number of octaves of ranks
	every  int    // one word in so many is the next that may not have occurred yet
	swept  uint64 // ranks up to this have occurred
	tokens int
	column int
	common []byte // the spelling of common words, spelledBytes each: length, letters
}

const (
	pieceBytes   = 64 << 10
	commonWords  = 1 << 14 // words of lower rank are spelled once
	spelledBytes = 32      // room for a common word: 5 syllables of 6 bytes at most
	lineBytes    = 72      // a line ends after the first word beyond
	lastRank     = 1 << 40
)

// Write writes the text. It returns the first error of w.
func Write(w io.Writer, o Options) error {
	g := newWriter(o)
	buf := make([]byte, 0, pieceBytes+256)
	for left := o.Bytes; left > 0; {
		for len(buf) < pieceBytes {
			buf = g.token(buf)
		}
		n := min(left, int64(len(buf)))
		piece := buf[:n]
		if n == left {
			piece = last(piece)
		}
		if _, err := w.Write(piece); err != nil {
			return err
		}
		left -= n
		buf = buf[:0]
	}
	return nil
}

// last ends the text so that no half rune or word stands at its end.
func last(piece []byte) []byte {
	for i := len(piece) - 1; i >= 0 && piece[i] != ' ' && piece[i] != '\n'; i-- {
		piece[i] = '.'
	}
	piece[len(piece)-1] = '\n'
	return piece
}

func newWriter(o Options) *writer {
	if len(o.Scripts) == 0 {
		o.Scripts = []Script{Latin}
	}
	o.Distinct = min(max(o.Distinct, 2), lastRank)
	g := &writer{Options: o, state: o.Seed, octave: uint64(bits.Len(uint(o.Distinct)))}
	n := min(o.Distinct+1, commonWords)
	g.common = make([]byte, n*spelledBytes)
	for rank := 1; rank < n; rank++ {
		room := g.common[rank*spelledBytes:]
		room[0] = byte(len(g.spell(room[1:1], uint64(rank))))
	}
	g.every = max(1, int(float64(o.Bytes)/g.meanBytes()/float64(o.Distinct)*0.9))
	return g
}

// meanBytes estimates a word with its separator, from a sample that does not
// disturb the text.
func (g *writer) meanBytes() float64 {
	const sample = 4096
	probe := *g
	probe.every = 1 << 62
	var n int
	var buf []byte
	for range sample {
		buf = probe.token(buf[:0])
		n += len(buf)
	}
	rare := len(g.spell(nil, uint64(g.Distinct)))
	return max(float64(n)/sample, float64(rare)/2)
}

// token appends a word and what follows it.
func (g *writer) token(buf []byte) []byte {
	r := g.random()
	rank := g.rank(r)
	if g.tokens++; g.tokens >= g.every && g.swept < uint64(g.Distinct) {
		g.tokens = 0
		g.swept++
		rank = g.swept
	}
	start := len(buf)
	if at := int(rank) * spelledBytes; at < len(g.common) {
		// A copy of fixed size is one instruction or two; the buffer has room.
		word := g.common[at : at+spelledBytes]
		n := int(word[0])
		buf = append(buf, word[1:]...)[:start+n]
	} else {
		buf = g.spell(buf, rank)
	}
	buf = g.separator(buf, r>>48)
	if g.column += len(buf) - start; g.column > lineBytes {
		g.column = 0
		buf[len(buf)-1] = '\n'
	}
	return buf
}

// rank turns a random number into a rank from 1 to Distinct.
func (g *writer) rank(r uint64) uint64 {
	octave, _ := bits.Mul64(r, g.octave)
	low := uint64(1) << octave
	rank := low | (r>>3)&(low-1)
	if rank > uint64(g.Distinct) {
		rank = rank%uint64(g.Distinct) + 1
	}
	return rank
}

// separator appends what stands between words; the last byte may become a
// line feed.
func (g *writer) separator(buf []byte, r uint64) []byte {
	if g.Dirt > 0 && int(r)%g.Dirt == 0 {
		return append(buf, 0xff, 0xc3, ' ')
	}
	switch r & 31 {
	case 0:
		return append(buf, '.', ' ')
	case 1, 2:
		return append(buf, ',', ' ')
	case 3:
		if r&1023 < 64 {
			return append(buf, " 1984 "...)
		}
	}
	return append(buf, ' ')
}

// random is SplitMix64 (Steele, Lea, Flood 2014).
func (g *writer) random() uint64 {
	r := splitmix.Mix(g.state)
	g.state += splitmix.Step
	return r
}

// Script is an alphabet: 16 syllables, of letters only, none the beginning of
// another, so that different ranks are different words.
type Script [16]string

// The scripts. Their UTF-8 takes one, two, two, and three bytes a letter; the
// last is of letters beyond the basic plane, four bytes each.
var (
	Latin    = Script{"ta", "ne", "ri", "so", "lu", "ka", "me", "di", "po", "vu", "ba", "the", "gi", "sto", "hu", "an"}
	Greek    = Script{"τα", "νε", "ρι", "σο", "λυ", "κα", "με", "δι", "πο", "βη", "θα", "ξε", "γι", "ψω", "φυ", "ών"}
	Cyrillic = Script{"та", "не", "ри", "со", "лу", "ка", "ме", "ди", "по", "ву", "ба", "же", "ги", "що", "ху", "ый"}
	CJK      = Script{"中", "文", "字", "語", "水", "山", "人", "日", "月", "木", "火", "土", "金", "大", "小", "心"}
	Gothic   = Script{"𐌰", "𐌱", "𐌲", "𐌳", "𐌴", "𐌵", "𐌶", "𐌷", "𐌸", "𐌹", "𐌺", "𐌻", "𐌼", "𐌽", "𐌾", "𐌿"}
)

// Mixed is a text that is mostly Latin, as files on a disk are, with words of
// all other scripts.
var Mixed = []Script{Latin, Latin, Latin, Latin, Greek, Cyrillic, CJK, Gothic}

// spell appends the word of a rank: a syllable for each four bits. Ranks of an
// octave are scattered over it, so that neighbours in rank are none in the
// alphabet; some words are capitalised.
func (g *writer) spell(buf []byte, rank uint64) []byte {
	low := uint64(1) << (bits.Len64(rank) - 1)
	code := low | (rank*splitmix.Step+g.Seed)&(low-1)
	h := splitmix.Mix((code ^ g.Seed) - splitmix.Step)
	script := &g.Scripts[int(h%uint64(len(g.Scripts)))]
	start := len(buf)
	for ; code > 0; code >>= 4 {
		buf = append(buf, script[code&15]...)
	}
	if c := buf[start]; h>>60 == 0 && c >= 'a' && c <= 'z' {
		buf[start] = c - 'a' + 'A'
	}
	return buf
}
