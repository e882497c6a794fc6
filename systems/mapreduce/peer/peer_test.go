package peer

import (
	"bytes"
	"io"
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
