package task

import (
	"encoding/binary"
	"hash/crc32"
	"io"
)

// The format of a run (all numbers little-endian):
//
//	run     = magic block… end
//	block   = length uint32, CRC-32C of the payload uint32, CRC-32C of those 8 bytes uint32, payload
//	end     = a block of length 0
//	payload = record…
//	record  = shared uvarint, rest uvarint, rest bytes of key, size uvarint, size bytes of values
//
// shared is how many bytes the key has in common with the one before it in
// the block. Keys do not descend; a key with many values has several records.
// The header's own checksum keeps a damaged length from being believed, the
// end block tells a complete run from one cut short between blocks.
const (
	magic       = "mrrun01\n"
	headerBytes = 12
	blockBytes  = 64 << 10 // a block is closed once it has reached this
	chunkBytes  = 16 << 10 // values of one record, unless a single one is larger
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// runWriter writes a run. Errors stay, and close returns the first.
type runWriter struct {
	w     io.Writer
	buf   []byte // what is not written yet
	head  int    // where in buf the open block's header is; -1: none is open
	last  []byte // the open block's last key
	bytes int64  // written so far
	err   error
}

// start begins a run; the buffers are kept from the one before.
func (w *runWriter) start(out io.Writer) {
	*w = runWriter{w: out, buf: append(w.buf[:0], magic...), head: -1, last: w.last[:0]}
}

// add appends a record. The key must not be smaller than the one before.
func (w *runWriter) add(key, values []byte) {
	shared := 0
	if w.head < 0 {
		w.head = len(w.buf)
		w.buf = append(w.buf, make([]byte, headerBytes)...)
	} else {
		shared = sharedPrefix(w.last, key)
	}
	b := binary.AppendUvarint(w.buf, uint64(shared))
	b = binary.AppendUvarint(b, uint64(len(key)-shared))
	b = append(b, key[shared:]...)
	b = binary.AppendUvarint(b, uint64(len(values)))
	w.buf = append(b, values...)
	w.last = append(w.last[:shared], key[shared:]...)
	if len(w.buf)-w.head >= blockBytes {
		w.seal()
		w.flush()
	}
}

// seal closes the open block.
func (w *runWriter) seal() {
	if w.head < 0 {
		return
	}
	payload := w.buf[w.head+headerBytes:]
	putHeader(w.buf[w.head:], len(payload), crc32.Checksum(payload, castagnoli))
	w.head, w.last = -1, w.last[:0]
}

// flush writes what is sealed.
func (w *runWriter) flush() {
	if w.err == nil {
		_, w.err = w.w.Write(w.buf)
	}
	w.bytes += int64(len(w.buf))
	w.buf = w.buf[:0]
}

// close writes what is left and the end. A short run is a single write.
func (w *runWriter) close() error {
	w.seal()
	w.buf = append(w.buf, make([]byte, headerBytes)...)
	putHeader(w.buf[len(w.buf)-headerBytes:], 0, 0)
	w.flush()
	return w.err
}

func putHeader(b []byte, length int, sum uint32) {
	binary.LittleEndian.PutUint32(b, uint32(length))
	binary.LittleEndian.PutUint32(b[4:], sum)
	binary.LittleEndian.PutUint32(b[8:], crc32.Checksum(b[:8], castagnoli))
}

// sharedPrefix returns how many bytes two keys have in common.
func sharedPrefix(a, b []byte) int {
	n := min(len(a), len(b))
	i := 0
	for ; i+8 <= n; i += 8 {
		if binary.LittleEndian.Uint64(a[i:]) != binary.LittleEndian.Uint64(b[i:]) {
			break
		}
	}
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}
