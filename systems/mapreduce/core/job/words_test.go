package job

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"dyno/systems/mapreduce/text"
)

// split is the definition of a word, as a plain loop.
func split(block []byte) []string {
	var out []string
	var word []byte
	for len(block) > 0 {
		r, size := utf8.DecodeRune(block)
		if unicode.IsLetter(r) {
			word = append(word, block[:size]...)
		} else if len(word) > 0 {
			out, word = append(out, string(word)), nil
		}
		block = block[size:]
	}
	if len(word) > 0 {
		out = append(out, string(word))
	}
	return out
}

func scan(block []byte) []string {
	var out []string
	w := new(words)
	for w.reset(block); w.fill(); {
		for i := 0; i+1 < w.n; i += 2 {
			out = append(out, string(block[w.edges[i]:w.edges[i+1]]))
		}
	}
	return out
}

// pieces make texts that meet the scanner's corners: runes of all lengths,
// letters or not, halves of runes, long runs.
var pieces = []string{
	"a", "Z", "é", "ω", "中", "𐌰", " ", "\n", ".", "—", "😀", "\x00", "\xff", "\xc3", "\xe4\xb8", "\xf0\x90\x8c", "\xed\xa0\x80", "\xef\xbf\xbd", "\u0301", "ª", "@", "[", "`", "{", "7",
	strings.Repeat("x", 63), strings.Repeat("é", 40), strings.Repeat("𐌰", 17), strings.Repeat(" ", 64), strings.Repeat("a ", 300), strings.Repeat("\xff", 64), strings.Repeat("long", 500),
}

func TestWords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		block := []byte(strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 60).Draw(t, "pieces"), ""))
		if got, want := scan(block), split(block); !slices.Equal(got, want) {
			t.Fatalf("%q: words %q, want %q", block, got, want)
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		block := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "bytes")
		if got, want := scan(block), split(block); !slices.Equal(got, want) {
			t.Fatalf("%q: words %q, want %q", block, got, want)
		}
	})
}

// Every rune of Unicode, and every pair of bytes.
func TestWordsAll(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if unicode.IsLetter(r) != plane().has(r) {
			t.Fatalf("%U: letter %v", r, plane().has(r))
		}
	}
	for i := range 1 << 16 {
		block := []byte{byte(i), byte(i >> 8)}
		if got, want := scan(block), split(block); !slices.Equal(got, want) {
			t.Fatalf("%q: words %q, want %q", block, got, want)
		}
	}
}

func TestCutWords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		block := []byte(strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 20).Draw(t, "pieces"), ""))
		cut := cutWords(block)
		if got, want := append(split(block[:cut]), split(block[cut:])...), split(block); !slices.Equal(got, want) {
			t.Fatalf("%q cut at %d: words %q, want %q", block, cut, got, want)
		}
	})
}

func BenchmarkWords(b *testing.B) {
	for _, c := range []struct {
		name    string
		scripts []text.Script
	}{{"latin", nil}, {"mixed", text.Mixed}, {"greek", []text.Script{text.Greek}}, {"cjk", []text.Script{text.CJK}}} {
		var buf bytes.Buffer
		if err := text.Write(&buf, text.Options{Seed: 1, Bytes: 256 << 10, Distinct: 22_000, Scripts: c.scripts}); err != nil {
			b.Fatal(err)
		}
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(buf.Len()))
			w, n := new(words), 0
			for b.Loop() {
				for w.reset(buf.Bytes()); w.fill(); {
					n += w.n
				}
			}
		})
	}
	var buf bytes.Buffer
	if err := text.Write(&buf, text.Options{Seed: 1, Bytes: 256 << 10, Distinct: 22_000}); err != nil {
		b.Fatal(err)
	}
	b.Run("map", func(b *testing.B) {
		b.SetBytes(int64(buf.Len()))
		n := 0
		out := NewEmitter(false, func(b Batch) { n += len(b.Keys) })
		p, _ := Wordcount.Program(nil)
		for b.Loop() {
			p.Map(Input{Block: buf.Bytes()}, out)
		}
	})
}
