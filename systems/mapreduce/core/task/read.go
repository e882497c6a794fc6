package task

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// runReader reads a run, and believes nothing that it has not checked.
type runReader struct {
	in      io.Reader
	run     int    // which map task's; ownRun: a spilled one of this task
	block   []byte // the payload, and the next block's header
	rest    []byte // what is left of the payload
	next    [headerBytes]byte
	offset  int64  // in the run, of the block
	end     int64  // in the run, after the block
	key     []byte // of the record
	prefix  uint64 // the key's first 8 bytes as a number that sorts like them
	values  []byte // of the record
	started bool
	done    bool // there are no more records
}

var (
	errMagic    = errors.New("this is no run")
	errHeader   = errors.New("a block's header does not match its checksum")
	errPayload  = errors.New("a block does not match its checksum")
	errRecord   = errors.New("a record does not fit in its block")
	errTrailing = errors.New("bytes after the end")
)

// advance goes to the next record; more is false after the last. Key and
// values are valid until the next call.
func (r *runReader) advance() (more bool, err error) {
	for len(r.rest) == 0 {
		if more, err := r.readBlock(); !more || err != nil {
			return false, err
		}
	}
	shared, n := binary.Uvarint(r.rest)
	rest, m := binary.Uvarint(r.rest[max(n, 0):])
	if n <= 0 || m <= 0 || shared > uint64(len(r.key)) || rest > uint64(len(r.rest)-n-m) {
		return false, r.lost(errRecord)
	}
	b := r.rest[n+m:]
	suffix, b := b[:rest], b[rest:]
	size, n := binary.Uvarint(b)
	if n <= 0 || size == 0 || size > uint64(len(b)-n) {
		return false, r.lost(errRecord)
	}
	r.values, r.rest = b[n:n+int(size)], b[n+int(size):]
	r.key = append(r.key[:shared], suffix...)
	if shared < 8 {
		r.prefix = prefix(r.key)
	}
	return true, nil
}

// readBlock reads and checks a block, together with the header after it.
func (r *runReader) readBlock() (more bool, err error) {
	if !r.started {
		var head [len(magic)]byte
		if err := r.fill(head[:]); err != nil {
			return false, err
		}
		if string(head[:]) != magic {
			return false, r.lost(errMagic)
		}
		if err := r.fill(r.next[:]); err != nil {
			return false, err
		}
		r.started = true
	}
	r.offset = r.end - headerBytes
	if crc32.Checksum(r.next[:8], castagnoli) != binary.LittleEndian.Uint32(r.next[8:]) {
		return false, r.lost(errHeader)
	}
	length := int(binary.LittleEndian.Uint32(r.next[:]))
	if length == 0 {
		return false, r.atEnd()
	}
	if cap(r.block) < length+headerBytes {
		r.block = make([]byte, length+headerBytes)
	}
	r.block = r.block[:length+headerBytes]
	if err := r.fill(r.block); err != nil {
		return false, err
	}
	sum := binary.LittleEndian.Uint32(r.next[4:])
	copy(r.next[:], r.block[length:])
	r.rest = r.block[:length]
	if crc32.Checksum(r.rest, castagnoli) != sum {
		return false, r.lost(errPayload)
	}
	r.key = r.key[:0]
	return true, nil
}

// atEnd checks that nothing follows.
func (r *runReader) atEnd() error {
	switch n, err := r.in.Read(make([]byte, 1)); {
	case n > 0:
		return r.lost(errTrailing)
	case err != nil && err != io.EOF:
		return r.lost(err)
	}
	return nil
}

func (r *runReader) fill(p []byte) error {
	n, err := io.ReadFull(r.in, p)
	r.end += int64(n)
	if err != nil {
		r.offset = r.end
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return r.lost(fmt.Errorf("cut short: %w", err))
	}
	return nil
}

// lost is the error of a run that cannot be used. Nobody else can make a
// task's own spilled runs again, so with them the attempt has failed.
func (r *runReader) lost(err error) error {
	if r.run == ownRun {
		return fmt.Errorf("a spilled run at byte %d: %w", r.offset, err)
	}
	return &Lost{Map: r.run, Offset: r.offset, Err: err}
}

// ownRun stands for a run that a task spilled for itself.
const ownRun = -1

// prefix returns the first 8 bytes of a key as a number that sorts like them;
// missing ones count as 0, so equal prefixes decide nothing.
func prefix(key []byte) uint64 {
	if len(key) >= 8 {
		return binary.BigEndian.Uint64(key)
	}
	var p uint64
	for i, b := range key {
		p |= uint64(b) << (56 - 8*i)
	}
	return p
}
