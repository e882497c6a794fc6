package text

import (
	"bytes"
	"crypto/sha256"
	"io"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func words(t *testing.T, o Options) map[string]int {
	t.Helper()
	var buf bytes.Buffer
	if err := Write(&buf, o); err != nil {
		t.Fatal(err)
	}
	if int64(buf.Len()) != o.Bytes {
		t.Fatalf("%d bytes, want %d", buf.Len(), o.Bytes)
	}
	if o.Dirt == 0 != utf8.Valid(buf.Bytes()) {
		t.Errorf("dirt %d, valid UTF-8: %v", o.Dirt, utf8.Valid(buf.Bytes()))
	}
	counts := map[string]int{}
	for _, w := range strings.FieldsFunc(buf.String(), func(r rune) bool { return !unicode.IsLetter(r) }) {
		counts[w]++
	}
	return counts
}

// The vocabulary is exactly as large as was asked for, in every script.
func TestDistinct(t *testing.T) {
	for name, scripts := range map[string][]Script{"latin": nil, "mixed": Mixed, "greek": {Greek}, "cjk": {CJK}, "gothic": {Gothic}, "cyrillic": {Cyrillic}} {
		for _, o := range []Options{
			{Seed: 1, Bytes: 2 << 20, Distinct: 2, Scripts: scripts},
			{Seed: 2, Bytes: 2 << 20, Distinct: 1000, Scripts: scripts},
			{Seed: 3, Bytes: 2 << 20, Distinct: 22_000, Scripts: scripts, Dirt: 50},
			{Seed: 4, Bytes: 4 << 20, Distinct: 100_000, Scripts: scripts},
		} {
			if got := len(words(t, o)); got != o.Distinct {
				t.Errorf("%s: %d distinct words, want %d", name, got, o.Distinct)
			}
		}
	}
}

func TestSkew(t *testing.T) {
	counts := words(t, Options{Seed: 1, Bytes: 4 << 20, Distinct: 22_000})
	total, most := 0, 0
	for _, n := range counts {
		total += n
		most = max(most, n)
	}
	if share := float64(most) / float64(total); share < 0.04 || share > 0.12 {
		t.Errorf("the most frequent word is %.1f %% of all, in English it is 6 %%", share*100)
	}
}

func TestRepeats(t *testing.T) {
	sum := func(seed uint64) [32]byte {
		h := sha256.New()
		if err := Write(h, Options{Seed: seed, Bytes: 1 << 20, Distinct: 1000, Scripts: Mixed, Dirt: 100}); err != nil {
			t.Fatal(err)
		}
		return [32]byte(h.Sum(nil))
	}
	if first := sum(1); sum(1) != first || sum(2) == first {
		t.Error("a seed must decide the text, and another seed another text")
	}
}

func TestSmall(t *testing.T) {
	for n := range int64(40) {
		words(t, Options{Seed: 7, Bytes: n, Distinct: 5, Scripts: []Script{Greek}})
	}
}

func BenchmarkWrite(b *testing.B) {
	for name, o := range map[string]Options{
		"english": {Distinct: 22_000},
		"rare":    {Distinct: 4_200_000},
		"mixed":   {Distinct: 22_000, Scripts: Mixed},
	} {
		b.Run(name, func(b *testing.B) {
			o.Bytes = 32 << 20
			b.SetBytes(o.Bytes)
			for b.Loop() {
				_ = Write(io.Discard, o) // io.Discard does not fail
			}
		})
	}
}
