package job

import (
	"bufio"
	"io"
	"strconv"
)

// Output takes the lines of Reduce functions. Errors of the writer below stay
// and are returned by Flush.
type Output struct {
	w       *bufio.Writer
	scratch []byte
	lines   int64
}

// outputBuffer is how much is collected before it is written.
const outputBuffer = 256 << 10

// NewOutput writes lines to w.
func NewOutput(w io.Writer) *Output { return &Output{w: bufio.NewWriterSize(w, outputBuffer)} }

// Number writes the line "key n".
func (o *Output) Number(key []byte, n uint64) {
	o.scratch = append(strconv.AppendUint(append(o.scratch[:0], ' '), n, 10), '\n')
	o.write(key)
	o.write(o.scratch)
	o.lines++
}

// Text writes the line "key text".
func (o *Output) Text(key, text []byte) {
	o.write(key)
	_ = o.w.WriteByte(' ')
	o.write(text)
	_ = o.w.WriteByte('\n')
	o.lines++
}

// Line writes the line "line".
func (o *Output) Line(line []byte) {
	o.write(line)
	_ = o.w.WriteByte('\n')
	o.lines++
}

// write leaves errors to Flush: a bufio.Writer keeps them.
func (o *Output) write(p []byte) { _, _ = o.w.Write(p) }

// Lines returns how many lines were written.
func (o *Output) Lines() int64 { return o.lines }

// Flush writes what was collected, and returns the first error so far.
func (o *Output) Flush() error { return o.w.Flush() }
