package task

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"math"
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

// merge reads several runs as one: a tree of losers, in which a record costs
// one comparison for each level. Ties go to the reader that stands first.
type merge struct {
	readers []*runReader
	prefix  []uint64 // of each reader's key; the largest number at its end
	tree    []int32  // tree[0] is the winner, the others lost at that node
}

// newMerge reads the first record of each run.
func newMerge(readers []*runReader) (*merge, error) {
	n := len(readers)
	m := &merge{readers: readers, prefix: make([]uint64, n), tree: make([]int32, max(n, 1))}
	winners := make([]int32, 2*n)
	for i := range readers {
		if err := m.read(int32(i)); err != nil {
			return nil, err
		}
		winners[n+i] = int32(i)
	}
	for node := n - 1; node > 0; node-- {
		a, b := winners[2*node], winners[2*node+1]
		if m.before(b, a) {
			a, b = b, a
		}
		winners[node], m.tree[node] = a, b
	}
	if n > 1 {
		m.tree[0] = winners[1]
	}
	return m, nil
}

// top returns the reader with the smallest key, or nil at the end.
func (m *merge) top() *runReader {
	if len(m.readers) == 0 || m.readers[m.tree[0]].done {
		return nil
	}
	return m.readers[m.tree[0]]
}

// next advances the reader on top.
func (m *merge) next() error {
	winner := m.tree[0]
	if err := m.read(winner); err != nil {
		return err
	}
	for node := (len(m.readers) + int(winner)) / 2; node > 0; node /= 2 {
		if loser := m.tree[node]; m.before(loser, winner) {
			m.tree[node], winner = winner, loser
		}
	}
	m.tree[0] = winner
	return nil
}

func (m *merge) read(i int32) error {
	r := m.readers[i]
	more, err := r.advance()
	m.prefix[i] = r.prefix
	if !more {
		r.done = true
		m.prefix[i] = math.MaxUint64
	}
	return err
}

// before reports whether reader a's record comes before reader b's.
func (m *merge) before(a, b int32) bool {
	if x, y := m.prefix[a], m.prefix[b]; x != y {
		return x < y
	}
	x, y := m.readers[a], m.readers[b]
	if x.done || y.done {
		return y.done && (!x.done || a < b)
	}
	if len(x.key) > 8 || len(y.key) > 8 || len(x.key) != len(y.key) {
		if c := bytes.Compare(x.key, y.key); c != 0 {
			return c < 0
		}
	}
	return a < b
}
