package job

import "encoding/binary"

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
