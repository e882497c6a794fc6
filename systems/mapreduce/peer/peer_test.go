package peer

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"dyno/systems/mapreduce/text"
)

func TestAgree(t *testing.T) {
	pieces := []string{"a", "word", "é", "ωmega", "中文", " ", "\n", ".", "\xff", "\xc3", strings.Repeat("long", 200_000), strings.Repeat("é", 100_000), strings.Repeat("so many words ", 30_000)}
	rapid.Check(t, func(t *rapid.T) {
		in := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 12).Draw(t, "pieces"), "")
		n := rapid.IntRange(1, 5).Draw(t, "goroutines")
		var want, got bytes.Buffer
		if err := Sequential(t.Context(), strings.NewReader(in), &want); err != nil {
			t.Fatal(err)
		}
		if err := Limit(t.Context(), strings.NewReader(in), int64(len(in)), n, &got); err != nil {
			t.Fatal(err)
		}
		if got.String() != want.String() {
			t.Fatalf("%d bytes, %d goroutines: got %.200q, want %.200q", len(in), n, got.String(), want.String())
		}
	})
}

func BenchmarkLimit(b *testing.B) {
	for name, distinct := range map[string]int{"22k": 22_000, "1M": 1_000_000} {
		b.Run(name, func(b *testing.B) {
			var in bytes.Buffer
			if err := text.Write(&in, text.Options{Seed: 1, Bytes: 64 << 20, Distinct: distinct}); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(in.Len()))
			for b.Loop() {
				if err := Limit(b.Context(), bytes.NewReader(in.Bytes()), int64(in.Len()), 2, io.Discard); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A sort and an index by hand are those of plain loops.
func TestLinesAndIndex(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOf(rapid.SampledFrom([]string{"", "a", "ab", "b\xff", "eight or more", "eight or less", "\x00"})).Draw(t, "lines")
		in := strings.Join(lines, "\n")
		var got bytes.Buffer
		if err := Sort(t.Context(), strings.NewReader(in), int64(len(in)), rapid.IntRange(1, 5).Draw(t, "goroutines"), &got); err != nil {
			t.Fatal(err)
		}
		var want []string
		for line := range strings.Lines(in) {
			want = append(want, strings.TrimSuffix(line, "\n"))
		}
		if slices.Sort(want); got.String() != strings.Join(append(want, ""), "\n") {
			t.Fatalf("%q: %q, want %q", in, got.String(), want)
		}
	})
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	for name, text := range map[string]string{a: "one two\ntwo é", b: "two, three"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, goroutines := range []int{1, 3} {
		var got bytes.Buffer
		if err := Index(t.Context(), []string{b, a}, goroutines, &got); err != nil {
			t.Fatal(err)
		}
		if want := "one " + a + "\nthree " + b + "\ntwo " + a + "," + b + "\né " + a + "\n"; got.String() != want {
			t.Errorf("%q, want %q", got.String(), want)
		}
	}
}
