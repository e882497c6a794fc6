package journal

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// Sizes of the layout, in bytes.
const (
	align  = 32  // headers and bodies are padded to it
	sector = 512 // the smallest unit a disk writes; a multiple of align
)

// Kinds of batches.
const (
	kindRecords  = 'R'
	kindSnapshot = 'S' // always the first of a file, if there is one
)

// filler pads bodies: not zero, so that padding is never taken for a sector
// that was not written.
const filler = 0xff

var (
	mark     = [3]byte{'j', 'r', 'n'}
	checksum = crc32.MakeTable(crc32.Castagnoli)
)

// frame is the header of a batch.
type frame struct {
	kind   byte
	length uint32 // of the body without padding
	first  uint64 // sequence number of the first record; of a snapshot, that of the last record in it
	count  uint32 // of records; 1 for a snapshot
	zeros  uint32 // parts of the body's sectors that are all zero by nature
	body   uint32 // checksum of the padded body
}

// size is what the batch takes in the file.
func (f frame) size() int64 { return align + padded(int64(f.length)) }

// last is the sequence number after which the next batch begins.
func (f frame) last() uint64 {
	if f.kind == kindSnapshot {
		return f.first
	}
	return f.first + uint64(f.count) - 1
}

func padded(n int64) int64 { return (n + align - 1) / align * align }

// pad fills the body up.
func pad(body []byte) []byte {
	for int64(len(body)) < padded(int64(len(body))) {
		body = append(body, filler)
	}
	return body
}

// put writes the header into the first align bytes of b.
func (f frame) put(b []byte, salt uint32) {
	b[0] = f.kind
	copy(b[1:4], mark[:])
	binary.LittleEndian.PutUint32(b[4:], f.length)
	binary.LittleEndian.PutUint64(b[8:], f.first)
	binary.LittleEndian.PutUint32(b[16:], f.count)
	binary.LittleEndian.PutUint32(b[20:], f.zeros)
	binary.LittleEndian.PutUint32(b[24:], f.body)
	binary.LittleEndian.PutUint32(b[28:], crc32.Update(salt, checksum, b[:28]))
}

// parseFrame reads a header; false if it is not one that this journal wrote.
func parseFrame(b []byte, salt uint32) (frame, bool) {
	if binary.LittleEndian.Uint32(b[28:]) != crc32.Update(salt, checksum, b[:28]) || [3]byte(b[1:4]) != mark {
		return frame{}, false
	}
	return frame{
		kind:   b[0],
		length: binary.LittleEndian.Uint32(b[4:]),
		first:  binary.LittleEndian.Uint64(b[8:]),
		count:  binary.LittleEndian.Uint32(b[16:]),
		zeros:  binary.LittleEndian.Uint32(b[20:]),
		body:   binary.LittleEndian.Uint32(b[24:]),
	}, true
}

// seal pads a batch, which starts with room for its header and goes to offset
// in the file, and fills its header in.
func seal(batch []byte, kind byte, first uint64, count int, offset int64, salt uint32) []byte {
	f := frame{kind: kind, length: uint32(len(batch) - align), first: first, count: uint32(count)}
	batch = append(batch[:align], pad(batch[align:])...)
	body := batch[align:]
	f.zeros = zeroParts(body, offset+align)
	f.body = crc32.Update(salt, checksum, body)
	f.put(batch, salt)
	return batch
}

var zeroSector [sector]byte

// zeroParts counts the sectors of the file whose share of the body, which
// begins at offset, is all zeros.
func zeroParts(body []byte, offset int64) (n uint32) {
	for len(body) > 0 {
		part := min(int(sector-offset%sector), len(body))
		if bytes.Equal(body[:part], zeroSector[:part]) {
			n++
		}
		body, offset = body[part:], offset+int64(part)
	}
	return n
}

// appendRecord adds a record to a body.
func appendRecord(body, record []byte) []byte {
	return append(binary.AppendUvarint(body, uint64(len(record))), record...)
}

// cutRecord takes the first record off a body; false if there is no whole one.
func cutRecord(body []byte) (record, rest []byte, ok bool) {
	n, k := binary.Uvarint(body)
	if k <= 0 || n > uint64(len(body)-k) {
		return nil, nil, false
	}
	return body[k : k+int(n) : k+int(n)], body[k+int(n):], true
}
