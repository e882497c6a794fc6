package task_test

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"dyno/systems/mapreduce/core/job"
)

// A combiner that says it is idempotent is called less often, and nothing comes out
// differently, whichever texts the keys have: with a whole map task's alike, as
// those of an inverted index are, or a few, in a buffer that is used again.
func TestIdempotent(t *testing.T) {
	texts := [][]byte{[]byte("f1"), []byte("f2"), []byte("f1,f2"), []byte("g"), nil}
	emitting := func(few int, idempotent bool, combine func(scratch, a, b []byte) []byte) func(*job.Program) {
		buf := make([]byte, 16)
		return func(p *job.Program) {
			if combine != nil {
				p.CombineText = combine
			}
			p.Idempotent = idempotent
			p.Map = func(in job.Input, out *job.Emitter) {
				text := buf[:copy(buf, texts[len(in.Block)%len(texts)])]
				for i, word := range bytes.Fields(in.Block) {
					if few > 0 {
						text = texts[(i+len(word))%few]
					}
					out.Text(word, text)
				}
			}
		}
	}
	ctx := t.Context()
	run := func(t rapid.TB, p plan, edit func(*job.Program)) []string {
		p.edit = edit
		got, _, err := p.run(ctx, newMemory())
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	rapid.Check(t, func(t *rapid.T) {
		body := ""
		for _, word := range rapid.SliceOfN(rapid.SampledFrom([]string{"a", "bb ", "c\n", "a dd\n", "longerthaneight ", "x y z\n"}), 0, 300).Draw(t, "body") {
			body += word
		}
		p := plan{job: "invertedindex", combine: true, reduces: 2, split: 200, mapMemory: 1, files: []oracleFile{{"f1", body}}}
		few := rapid.IntRange(0, len(texts)).Draw(t, "few")
		if plain, fast := run(t, p, emitting(few, false, nil)), run(t, p, emitting(few, true, nil)); !slices.Equal(plain, fast) {
			t.Errorf("with %d texts %q; idempotent %q", few, plain, fast)
		}
	})
	p := plan{job: "invertedindex", combine: true, reduces: 1, split: 200, files: []oracleFile{{"f1", "a a b\n"}}}
	lengths := func(scratch, a, b []byte) []byte { return append(append(scratch, a...), b...) }
	if plain, wrong := run(t, p, emitting(1, false, lengths)), run(t, p, emitting(1, true, lengths)); slices.Equal(plain, wrong) {
		t.Errorf("a combiner that is not idempotent gives %q either way", plain)
	}
}
