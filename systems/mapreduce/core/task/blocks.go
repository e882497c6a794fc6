package task

import (
	"bytes"
	"fmt"
	"io"
)

// blockRead is how much of a split is read at a time: it stays in the
// second-level cache while it is mapped.
const blockRead = 256 << 10

// blocks reads a split as blocks of whole records.
type blocks struct {
	in     io.ReaderAt
	buf    []byte
	offset int64 // in the file, of buf[0]
	left   int64 // bytes of the split that are not in buf
	have   int   // bytes in buf
	taken  int   // of these, handed out
	cut    func([]byte) int
}

// next returns the next block and where in the file it begins. The block is
// valid until the next call. After the last one the error is io.EOF.
func (b *blocks) next() ([]byte, int64, error) {
	b.have = copy(b.buf[:b.have], b.buf[b.taken:b.have])
	b.offset += int64(b.taken)
	b.taken = 0
	seen := 0 // bytes known to hold no line end
	for {
		if b.left == 0 {
			b.taken = b.have
			if b.have == 0 {
				return nil, b.offset, io.EOF
			}
			break
		}
		if err := b.read(); err != nil {
			return nil, 0, err
		}
		if b.taken = bytes.LastIndexByte(b.buf[seen:b.have], '\n') + 1; b.taken > 0 {
			b.taken += seen
			break
		}
		if b.cut != nil && b.left > 0 {
			if b.taken = b.cut(b.buf[:b.have]); b.taken > 0 {
				break
			}
		}
		seen = b.have
	}
	return b.buf[:b.taken:cap(b.buf)], b.offset, nil
}

// read fills the buffer, and doubles it if it is full of one record.
func (b *blocks) read() error {
	if len(b.buf) < blockRead {
		b.buf = make([]byte, blockRead)
	}
	if b.have == len(b.buf) {
		b.buf = append(b.buf, make([]byte, len(b.buf))...)
	}
	want := b.buf[b.have:min(int64(len(b.buf)), int64(b.have)+b.left)]
	n, err := b.in.ReadAt(want, b.offset+int64(b.have))
	b.have += n
	b.left -= int64(n)
	if n < len(want) {
		if err == nil || err == io.EOF {
			err = fmt.Errorf("the file has become shorter: %w", io.ErrUnexpectedEOF)
		}
		return fmt.Errorf("at byte %d: %w", b.offset+int64(b.have), err)
	}
	return nil
}
