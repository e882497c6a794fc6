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

// Kinds of frames.
const (
	kindRecords = 'R' // of a segment: a batch
	kindPart    = 'P' // of a snapshot: a piece of the state
	kindEnd     = 'E' // of a snapshot: there are no more
)

// maxBatch bounds a batch, in bytes.
const maxBatch = 1 << 30

// filler pads bodies: not zero, so that padding is never taken for a sector
// that was not written.
const filler = 0xff

var checksum = crc32.MakeTable(crc32.Castagnoli)

// frame is the header of a batch or of a piece of a snapshot.
type frame struct {
	kind   byte
	zeros  uint32 // parts of the body's sectors that are all zero by nature; below 1<<24
	length uint32 // of the body without padding
	first  uint64 // sequence number of the first record; in a snapshot, of the last record in it
	count  uint32 // of records; in a snapshot, of pieces up to this one
	body   uint32 // checksum of the padded body
	prev   uint32 // link of the frame before
	link   uint32 // checksum of all this, by which the next frame names this one
}

// size is what the frame takes in the file.
func (f frame) size() int64 { return align + padded(int64(f.length)) }

// last is the sequence number of the last record.
func (f frame) last() uint64 { return f.first + uint64(f.count) - 1 }

func padded(n int64) int64 { return (n + align - 1) / align * align }

// pad fills the body up.
func pad(body []byte) []byte {
	for int64(len(body)) < padded(int64(len(body))) {
		body = append(body, filler)
	}
	return body
}

// seed is where the checksum of a header begins: it differs between files and
// between places in a file, so that no stale or copied header is taken for one.
func seed(salt uint32, offset int64) uint32 { return salt + uint32(offset/align) }

// put writes the header into the first align bytes of b and returns its link.
func (f frame) put(b []byte, salt uint32, offset int64) uint32 {
	binary.LittleEndian.PutUint32(b, uint32(f.kind)|f.zeros<<8)
	binary.LittleEndian.PutUint32(b[4:], f.length)
	binary.LittleEndian.PutUint64(b[8:], f.first)
	binary.LittleEndian.PutUint32(b[16:], f.count)
	binary.LittleEndian.PutUint32(b[20:], f.body)
	binary.LittleEndian.PutUint32(b[24:], f.prev)
	link := crc32.Update(seed(salt, offset), checksum, b[:28])
	binary.LittleEndian.PutUint32(b[28:], link)
	return link
}

// parseFrame reads a header; false if it is not one that was written here.
func parseFrame(b []byte, salt uint32, offset int64) (frame, bool) {
	link := binary.LittleEndian.Uint32(b[28:])
	if b[0] == 0 || link != crc32.Update(seed(salt, offset), checksum, b[:28]) {
		return frame{}, false
	}
	return frame{
		kind:   b[0],
		zeros:  binary.LittleEndian.Uint32(b) >> 8,
		length: binary.LittleEndian.Uint32(b[4:]),
		first:  binary.LittleEndian.Uint64(b[8:]),
		count:  binary.LittleEndian.Uint32(b[16:]),
		body:   binary.LittleEndian.Uint32(b[20:]),
		prev:   binary.LittleEndian.Uint32(b[24:]),
		link:   link,
	}, true
}

// place is where in a file a frame goes.
type place struct {
	salt   uint32
	offset int64
	prev   uint32 // link of the frame before
}

// seal pads a frame, which starts with room for its header, fills its header
// in, and moves the place behind it.
func (p *place) seal(b []byte, kind byte, first uint64, count int) []byte {
	f := frame{kind: kind, length: uint32(len(b) - align), first: first, count: uint32(count), prev: p.prev}
	b = pad(b) // the header has the size of the padding's unit
	body := b[align:]
	f.zeros = zeroParts(body, p.offset+align)
	f.body = crc32.Update(p.salt, checksum, body)
	p.prev = f.put(b, p.salt, p.offset)
	p.offset += int64(len(b))
	return b
}

var zeroSector [sector]byte

// zeroParts counts the sectors of the file whose share of the body, which
// begins at offset, is all zeros. It leaves out the sector that begins before
// the body: the header is in it, so it was written.
func zeroParts(body []byte, offset int64) (n uint32) {
	if into := offset % sector; into > 0 {
		skip := min(sector-into, int64(len(body)))
		body = body[skip:]
	}
	for len(body) > 0 {
		part := min(sector, len(body))
		if bytes.Equal(body[:part], zeroSector[:part]) {
			n++
		}
		body = body[part:]
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
