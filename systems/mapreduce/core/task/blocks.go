package task

import (
	"bytes"
	"fmt"
	"io"
)

// blockRead is how much of a split is read at a time: it stays in the
// second-level cache while it is mapped.
const blockRead = 64 << 10

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

// arena holds bytes that are freed all at once. It grows by chunks, so that
// nothing is copied, and reset keeps them for the next use.
type arena struct {
	chunks [][]byte // those up to last are in use
	last   int      // the one being filled
	used   int      // of it
	bytes  int64    // of all chunks
}

const (
	arenaFirst = 64 << 10
	arenaChunk = 1 << 20
)

// place is where something lies in an arena: the chunk in the upper half, the
// offset in the lower one.
type place uint64

const nowhere = ^place(0)

// take returns room for n bytes, with whatever they held before.
func (a *arena) take(n int) (place, []byte) {
	if len(a.chunks) == 0 || a.used+n > len(a.chunks[a.last]) {
		a.grow(n)
	}
	at := a.used
	a.used += n
	return place(a.last)<<32 | place(at), a.chunks[a.last][at : at+n]
}

// needs returns by how many bytes take(n) would grow the arena.
func (a *arena) needs(n int) int64 {
	if len(a.chunks) > 0 && a.used+n <= len(a.chunks[a.last]) {
		return 0
	}
	if a.last+1 < len(a.chunks) && n <= len(a.chunks[a.last+1]) {
		return 0
	}
	return int64(max(n, a.next()))
}

// next is the size of a new chunk: they double up to a limit, so that a small
// task costs little.
func (a *arena) next() int { return int(min(max(a.bytes, arenaFirst), arenaChunk)) }

// grow goes to the next chunk, or adds one. What is larger than a chunk gets
// one of its own.
func (a *arena) grow(n int) {
	a.used = 0
	if a.last+1 < len(a.chunks) && n <= len(a.chunks[a.last+1]) {
		a.last++
		return
	}
	chunk := make([]byte, max(n, a.next()))
	a.bytes += int64(len(chunk))
	a.chunks = append(a.chunks, chunk)
	a.last = len(a.chunks) - 1
}

// at returns the bytes from a place to the end of its chunk.
func (a *arena) at(p place) []byte { return a.chunks[p>>32][uint32(p):] }

// reset frees everything. Chunks of unusual size are given up.
func (a *arena) reset() {
	kept := a.chunks[:0]
	a.bytes = 0
	for _, c := range a.chunks {
		if len(c) <= arenaChunk {
			kept = append(kept, c)
			a.bytes += int64(len(c))
		}
	}
	clear(a.chunks[len(kept):])
	a.chunks, a.last, a.used = kept, 0, 0
}
