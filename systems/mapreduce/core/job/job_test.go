package job

import (
	"bytes"
	"errors"
	"hash/fnv"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// What every job of All promises to lists and command lines.
func TestAll(t *testing.T) {
	for _, j := range All {
		args := map[string]string{}
		for _, a := range j.Args {
			if a.Name == "" || a.Help == "" {
				t.Errorf("%s: argument %+v needs a name and a help", j.Name, a)
			}
			args[a.Name] = "x"
		}
		p, err := j.Program(args)
		if err != nil || p.Map == nil || p.Reduce == nil || j.Summary == "" {
			t.Errorf("%s: %+v, %v", j.Name, p, err)
		}
		if found, err := Lookup(j.Name); err != nil || found.Name != j.Name {
			t.Errorf("%s: looked up as %q, %v", j.Name, found.Name, err)
		}
	}
}

func TestMistakes(t *testing.T) {
	for what, c := range map[string]struct {
		job  string
		args map[string]string
		want string
	}{
		"no such job":      {"wordcuont", nil, "wordcount, invertedindex"},
		"no such argument": {"sort", map[string]string{"pattern": "x"}, "pattern"},
		"missing":          {"grep", nil, "--pattern"},
		"malformed":        {"grep", map[string]string{"pattern": "("}, "--pattern"},
	} {
		j, err := Lookup(c.job)
		if err == nil {
			_, err = j.Program(c.args)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one that says %q", what, err, c.want)
		}
	}
}

func TestPartition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key, n := rapid.SliceOf(rapid.Byte()).Draw(t, "key"), rapid.IntRange(1, 300).Draw(t, "reduces")
		h := fnv.New64a()
		h.Write(key)
		if got, want := Partition(key, n), int(h.Sum64()%uint64(n)); got != want {
			t.Fatalf("part %d, want %d", got, want)
		}
	})
}

// Lists of names may be joined in any order and grouping.
func TestUnion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var lists [][]byte
		var all []string
		for range rapid.IntRange(1, 5).Draw(t, "lists") {
			names := rapid.SliceOfNDistinct(rapid.StringMatching("[a-d ]{1,2}"), 1, 5, rapid.ID[string]).Draw(t, "names")
			slices.Sort(names)
			lists, all = append(lists, []byte(strings.Join(names, ","))), append(all, names...)
		}
		slices.Sort(all)
		want := strings.Join(slices.Compact(all), ",")
		got := lists[0]
		for _, l := range lists[1:] {
			got = bytes.Clone(union(nil, got, l))
		}
		if string(got) != want {
			t.Fatalf("%q joined: %q, want %q", lists, got, want)
		}
		var out bytes.Buffer
		o := NewOutput(&out)
		reduce := indexed()
		for range 2 { // nothing of a key is left for the next
			rest := slices.Clone(lists)
			reduce([]byte("key"), NewValues(func() (chunk []byte) {
				if len(rest) > 0 {
					chunk, rest = AppendText(nil, rest[0]), rest[1:]
				}
				return chunk
			}), o)
		}
		_ = o.Flush() // to memory
		if line := "key " + want + "\n"; out.String() != line+line {
			t.Fatalf("%q reduced: %q, want %q twice", lists, out.String(), line)
		}
	})
}

type full struct{}

var errFull = errors.New("full")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestOutput(t *testing.T) {
	var buf bytes.Buffer
	o := NewOutput(&buf)
	o.Number([]byte("word"), 18446744073709551615)
	o.Text([]byte("word"), []byte("a,b c"))
	o.Line(nil)
	if err := o.Flush(); err != nil || o.Lines() != 3 || buf.String() != "word 18446744073709551615\nword a,b c\n\n" {
		t.Errorf("%q, %d lines, %v", buf.String(), o.Lines(), err)
	}
	o = NewOutput(full{})
	o.Line([]byte("x"))
	if err := o.Flush(); !errors.Is(err, errFull) {
		t.Errorf("a full disk: %v", err)
	}
}

// Numbers and texts come back as they were, in any grouping; what is no chunk
// ends the values, and does not crash.
func TestValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOf(rapid.Uint64()).Draw(t, "numbers")
		var chunks [][]byte
		for i, n := range want {
			if i == 0 || rapid.Bool().Draw(t, "cut") {
				chunks = append(chunks, nil)
			}
			chunks[len(chunks)-1] = AppendNumber(chunks[len(chunks)-1], n)
		}
		v := NewValues(func() (c []byte) {
			if len(chunks) > 0 {
				c, chunks = chunks[0], chunks[1:]
			}
			return c
		})
		var got []uint64
		for n, ok := v.Number(); ok; n, ok = v.Number() {
			got = append(got, n)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
		junk := rapid.SliceOf(rapid.Byte()).Draw(t, "junk")
		v = NewValues(func() []byte {
			defer func() { junk = nil }()
			return junk
		})
		for _, ok := v.Text(); ok; _, ok = v.Text() {
		}
	})
}
