package job

import (
	"bufio"
	"encoding/binary"
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
const outputBuffer = 64 << 10

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

// Values are the values of one key in a reduce call, as a stream: they need
// not fit in memory.
type Values struct {
	chunk []byte
	next  func() []byte
}

// NewValues reads values from chunks of [AppendNumber] and [AppendText]; next
// returns the following chunk, which stays valid until it is called again, or
// nil after the last.
func NewValues(next func() []byte) *Values { return &Values{next: next} }

// Number returns the next number; ok is false after the last.
func (v *Values) Number() (n uint64, ok bool) {
	if len(v.chunk) == 0 && !v.refill() {
		return 0, false
	}
	if b := v.chunk[0]; b < 0x80 {
		v.chunk = v.chunk[1:]
		return uint64(b), true
	}
	n, size := binary.Uvarint(v.chunk)
	v.chunk = v.chunk[max(size, 1):]
	return n, true
}

// Text returns the next text, valid until the next call; ok is false after
// the last.
func (v *Values) Text() (text []byte, ok bool) {
	n, ok := v.Number()
	if !ok {
		return nil, false
	}
	n = min(n, uint64(len(v.chunk)))
	text, v.chunk = v.chunk[:n], v.chunk[n:]
	return text, true
}

// Reset starts the next key.
func (v *Values) Reset() { v.chunk = nil }

func (v *Values) refill() bool {
	v.chunk = v.next()
	return len(v.chunk) > 0
}

// AppendNumber appends a number to a chunk of values.
func AppendNumber(chunk []byte, n uint64) []byte { return binary.AppendUvarint(chunk, n) }

// AppendText appends a text to a chunk of values.
func AppendText(chunk, text []byte) []byte {
	return append(binary.AppendUvarint(chunk, uint64(len(text))), text...)
}
