package replica

import (
	"encoding/binary"
	"errors"
	"maps"
	"slices"
)

// ID names a replica. IDs need not be dense.
type ID int32

// Vector holds, by origin, how many of its writes are there: all from 1 to that
// number. A missing origin is 0.
type Vector map[ID]uint64

// Clone copies a vector; a nil one stays nil.
func (v Vector) Clone() Vector { return maps.Clone(v) }

// Covers reports whether v has everything that w has.
func (v Vector) Covers(w Vector) bool {
	for id, n := range w {
		if v[id] < n {
			return false
		}
	}
	return true
}

// Merge adds to v everything that w has.
func (v Vector) Merge(w Vector) {
	for id, n := range w {
		if n > v[id] {
			v[id] = n
		}
	}
}

// Append encodes a vector: equal vectors have equal encodings. Zeros are left
// out.
func (v Vector) Append(b []byte) []byte {
	ids := make([]ID, 0, len(v))
	for id, n := range v {
		if n > 0 {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	b = binary.AppendUvarint(b, uint64(len(ids)))
	for _, id := range ids {
		b = binary.AppendVarint(b, int64(id))
		b = binary.AppendUvarint(b, v[id])
	}
	return b
}

var errShort = errors.New("replica: the encoding of a write or vector is cut or not of this form")

// ParseVector decodes what [Vector.Append] has made, and returns what follows it.
// An empty vector is nil.
func ParseVector(b []byte) (v Vector, rest []byte, err error) {
	p := parser{rest: b}
	n := p.uvarint()
	if n > uint64(len(p.rest)) { // each takes at least one byte
		return nil, nil, errShort
	}
	for range n {
		id := p.varint()
		if int64(ID(id)) != id {
			return nil, nil, errShort
		}
		if v == nil {
			v = make(Vector, n)
		}
		v[ID(id)] = p.uvarint()
	}
	if p.failed {
		return nil, nil, errShort
	}
	return v, p.rest, nil
}

// parser takes numbers off the front of an encoding.
type parser struct {
	rest   []byte
	failed bool
}

func (p *parser) uvarint() uint64 {
	n, size := binary.Uvarint(p.rest)
	p.skip(size)
	return n
}

func (p *parser) varint() int64 {
	n, size := binary.Varint(p.rest)
	p.skip(size)
	return n
}

func (p *parser) skip(size int) {
	if size <= 0 {
		p.failed, p.rest = true, nil
		return
	}
	p.rest = p.rest[size:]
}
