package tx

import (
	"encoding/binary"
	"errors"
	"math"
)

// Reader reads a record, or any other bytes made of varints. After the first
// error everything reads as zero; [Reader.Done] tells.
type Reader struct {
	rest []byte
	bad  bool
}

// NewReader reads b.
func NewReader(b []byte) *Reader { return &Reader{rest: b} }

var (
	errShort = errors.New("it ends too early, or a number in it is out of range")
	errLong  = errors.New("it goes on behind its end")
)

// Uint reads a number of at most most.
func (r *Reader) Uint(most uint64) uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 || v > most {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// Int reads a signed number.
func (r *Reader) Int() int64 {
	v, n := binary.Varint(r.rest)
	if n <= 0 {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// Byte reads one byte.
func (r *Reader) Byte() byte {
	if b := r.Bytes(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

// Bytes reads n bytes, which stay the record's.
func (r *Reader) Bytes(n int) []byte {
	if n > len(r.rest) {
		r.bad, r.rest = true, nil
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

// Text reads a string as [AppendText] wrote it; the bytes stay the record's.
func (r *Reader) Text() []byte { return r.Bytes(int(r.Uint(math.MaxInt32))) }

// ID reads an ID.
func (r *Reader) ID() ID {
	return ID{uint32(r.Uint(math.MaxUint32)), uint32(r.Uint(math.MaxUint32)), r.Uint(math.MaxUint64)}
}

// Rest reads all that is left; the bytes stay the record's.
func (r *Reader) Rest() []byte { return r.Bytes(len(r.rest)) }

// More reports whether there is more to read.
func (r *Reader) More() bool { return len(r.rest) > 0 }

// Left returns how many bytes are left.
func (r *Reader) Left() int { return len(r.rest) }

// Err says that the bytes so far were not what was read of them.
func (r *Reader) Err() error {
	if r.bad {
		return errShort
	}
	return nil
}

// Done says what is wrong with the whole.
func (r *Reader) Done() error {
	if err := r.Err(); err != nil {
		return err
	}
	if len(r.rest) > 0 {
		return errLong
	}
	return nil
}

// AppendText adds a string: its length and its bytes.
func AppendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}
