package job

import (
	"bytes"
	"slices"
)

// Invertedindex tells for each word which files it occurs in. A text is a
// sorted list of names joined by commas, so names must not hold one.
var Invertedindex = Job{
	Name:    "invertedindex",
	Summary: "which files each word occurs in: lines \"word file1,file2,…\"",
	New: func(map[string]string) (Program, error) {
		w := new(words)
		return Program{
			Texts: true,
			Map: func(in Input, out *Emitter) {
				name := []byte(in.File)
				for w.reset(in.Block); w.fill(); {
					out.parts(in.Block, w.edges[:w.n], 0, name)
				}
			},
			CombineText: union,
			Idempotent:  true,
			Reduce:      reduceIndex,
			Cut:         cutWords,
		}, nil
	},
}

// reduceIndex writes the union of all lists. Names come one task after the
// other, so they are collected and sorted once: joining lists pairwise would
// take time in the square of their number.
func reduceIndex(key []byte, values *Values, out *Output) {
	var names []string
	seen := map[string]bool{}
	for list, ok := values.Text(); ok; list, ok = values.Text() {
		for name := range bytes.SplitSeq(list, []byte{','}) {
			if !seen[string(name)] {
				seen[string(name)] = true
				names = append(names, string(name))
			}
		}
	}
	slices.Sort(names)
	var line []byte
	for i, name := range names {
		if i > 0 {
			line = append(line, ',')
		}
		line = append(line, name...)
	}
	out.Text(key, line)
}

// union joins two sorted lists of names.
func union(scratch, a, b []byte) []byte {
	if bytes.Equal(a, b) {
		return a
	}
	out := scratch[:0]
	for len(a) > 0 || len(b) > 0 {
		x, restA := first(a)
		y, restB := first(b)
		switch c := bytes.Compare(x, y); {
		case len(b) == 0 || (len(a) > 0 && c < 0):
			a = restA
		case len(a) == 0 || c > 0:
			x, b = y, restB
		default:
			a, b = restA, restB
		}
		if len(out) > 0 {
			out = append(out, ',')
		}
		out = append(out, x...)
	}
	return out
}

// first cuts the first name off a list.
func first(list []byte) (name, rest []byte) {
	name, rest, _ = bytes.Cut(list, []byte{','})
	return name, rest
}
