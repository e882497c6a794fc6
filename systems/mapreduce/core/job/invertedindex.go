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
			Reduce:      indexed(),
			Cut:         cutWords,
		}, nil
	},
}

// indexed returns a Reduce that writes the union of all lists. Names come one task
// after the other, so most come in order, and are sorted only if they did not:
// joining lists pairwise would take time in the square of their number.
func indexed() func(key []byte, values *Values, out *Output) {
	var line []byte
	return func(key []byte, values *Values, out *Output) {
		line = line[:0]
		last, ordered := 0, true // where in the line the last name begins, and whether all came in order
		for list, ok := values.Text(); ok; list, ok = values.Text() {
			for more := true; more; {
				var name []byte
				name, list, more = bytes.Cut(list, []byte{','})
				if len(line) > 0 {
					c := bytes.Compare(line[last:], name)
					if c == 0 {
						continue
					}
					ordered = ordered && c < 0
					line = append(line, ',')
				}
				last = len(line)
				line = append(line, name...)
			}
		}
		if !ordered {
			names := bytes.Split(line, []byte{','})
			slices.SortFunc(names, bytes.Compare)
			line = bytes.Join(slices.CompactFunc(names, bytes.Equal), []byte{','})
		}
		out.Text(key, line)
	}
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
