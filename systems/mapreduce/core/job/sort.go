package job

import "bytes"

// Sort sorts lines bytewise. Each output file is sorted; sort -m joins them.
var Sort = Job{
	Name:    "sort",
	Summary: "all lines, sorted bytewise within each output file",
	New:     sorting,
}

// Totalsort sorts lines bytewise over all output files: cat joins them.
var Totalsort = Job{
	Name:    "totalsort",
	Summary: "all lines, sorted bytewise from the first output file to the last",
	New:     sorting,
	Ordered: true,
}

func sorting(map[string]string) (Program, error) {
	return Program{
		Map: func(in Input, out *Emitter) {
			for l := (lines{block: in.Block}); l.next(); {
				out.Number(l.line, 1)
			}
		},
		Combine: sum,
		Reduce:  repeat,
	}, nil
}

// repeat writes a line as often as it was emitted.
func repeat(key []byte, values *Values, out *Output) {
	for range total(values) {
		out.Line(key)
	}
}

// lines iterates over a block's lines, without their line feeds.
type lines struct{ block, line []byte }

func (l *lines) next() bool {
	if len(l.block) == 0 {
		return false
	}
	l.line, l.block, _ = bytes.Cut(l.block, []byte{'\n'})
	return true
}
