package text

import (
	"math/bits"

	"dyno/internal/splitmix"
)

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
