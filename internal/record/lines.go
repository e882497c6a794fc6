package record

import (
	"bufio"
	"errors"
	"io"
	"slices"
	"sync"
	"sync/atomic"
)

// batchSize is about how many bytes of lines are taken apart at once: enough to
// keep all cores busy, and little beside what comes out.
const batchSize = 1 << 20

// line is one of trials.jsonl.
type line struct {
	text  []byte // with its newline, if it has one; until the next batch
	trial *Trial // as unseal returns it
	err   error
}

// lineReader reads a file of lines in batches, into the same memory each time.
type lineReader struct {
	in    *bufio.Reader
	text  []byte
	lines []line
}

// lineReaders keeps the memory of files that were read: 1 MB each.
var lineReaders = sync.Pool{New: func() any { return &lineReader{in: bufio.NewReaderSize(nil, batchSize/16)} }}

// next returns some more lines; none at the end.
func (r *lineReader) next() ([]line, error) {
	var ends []int
	clear(r.lines)
	r.text, r.lines = slices.Grow(r.text[:0], batchSize+batchSize/16), r.lines[:0]
	for partial := false; partial || len(r.text) < batchSize; {
		part, err := r.in.ReadSlice('\n')
		r.text = append(r.text, part...)
		if partial = errors.Is(err, bufio.ErrBufferFull); partial {
			continue // a long line: more of it comes
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if n := len(ends); len(r.text) > 0 && (n == 0 || ends[n-1] < len(r.text)) {
			ends = append(ends, len(r.text))
		}
		if err != nil {
			break
		}
	}
	begin := 0
	for _, end := range ends {
		r.lines = append(r.lines, line{text: r.text[begin:end:end]})
		begin = end
	}
	return r.lines, nil
}

// unsealAll takes lines apart, on all cores, each with a decoder of its own.
func unsealAll(lines []line, decoders []*decoder) {
	var next atomic.Int64
	var working sync.WaitGroup
	for _, d := range decoders[:min(len(decoders), len(lines))] {
		working.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(lines)); i = next.Add(1) - 1 {
				lines[i].trial, lines[i].err = unseal(lines[i].text, d)
			}
		})
	}
	working.Wait()
}
