package task

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"dyno/systems/mapreduce/core/job"
)

// Without a combiner a key's values are a chain of chunks in the arena, the
// newest first:
//
//	chunk = place of the chunk before it (8 bytes), used (4), size (4), values
//
// Chunks double, so that a rare key costs little and the values of a common
// one lie together. A combined text is a single chunk with one value in it.
const (
	chunkHead  = 16
	chunkFirst = 8 // bytes of values in a key's first chunk
)

// addNumber adds a number to a key's chain, or makes the entry.
func (t *table) addNumber(e *entry, key []byte, hash uint32, head, n uint64) bool {
	if t.program.Combine != nil {
		if e = t.insert(key, hash, head, 0); e != nil {
			e.value = n
		}
		return e != nil
	}
	var buf [binary.MaxVarintLen64]byte
	return t.append(e, key, hash, head, job.AppendNumber(buf[:0], n))
}

// common is a text that many keys have, such as the name of the file that is
// mapped. It lies in the arena once, in a chunk without room, so that who gets
// another text gets another chunk; and an equal one is found without a look at it.
type common struct {
	text  []byte // nil: there is none
	at    place
	seen  []byte // a text of this batch
	equal bool   // seen is as text
}

// is reports whether a text is the common one.
func (c *common) is(text []byte) bool {
	if len(text) == 0 || c.text == nil {
		return false
	}
	if len(text) != len(c.seen) || &text[0] != &c.seen[0] {
		c.seen, c.equal = text, bytes.Equal(text, c.text)
	}
	return c.equal
}

// shares says that keys may have the common text.
func (t *table) shares() bool { return t.program.Idempotent && t.program.CombineText != nil }

// addText adds a text, which is not the common one of its key, to a key's chain, or
// joins it with the one it has.
func (t *table) addText(e *entry, key []byte, hash uint32, head uint64, text []byte) bool {
	switch {
	case e != nil || !t.shares():
		return t.addOwn(e, key, hash, head, text)
	case t.common.is(text):
		if e = t.insert(key, hash, head, 0); e != nil {
			e.value = uint64(t.common.at)
		}
		return e != nil
	default:
		return t.addOwn(nil, key, hash, head, text) && t.share(text)
	}
}

// share makes the text of the newest key the common one.
func (t *table) share(text []byte) bool {
	at := place(t.entries[len(t.entries)-1].value)
	binary.LittleEndian.PutUint32(t.arena.at(at)[12:], 0) // no room
	t.common = common{text: bytes.Clone(text), at: at}
	return true
}

// addOwn is addText for a text that the key does not share.
func (t *table) addOwn(e *entry, key []byte, hash uint32, head uint64, text []byte) bool {
	if e == nil || t.program.CombineText == nil {
		t.scratch = job.AppendText(t.scratch[:0], text)
		return t.append(e, key, hash, head, t.scratch)
	}
	chunk := t.arena.at(place(e.value))
	have := chunkValues(chunk)
	_, n := binary.Uvarint(have)
	joined := t.program.CombineText(t.scratch[:0], have[n:], text)
	if !bytes.Equal(joined, have[n:]) && !t.replace(e, chunk, joined) {
		return false
	}
	t.joined++
	return true
}

// replace makes a text the only value of a key that has another one.
func (t *table) replace(e *entry, chunk, text []byte) bool {
	value := job.AppendText(nil, text)
	if size := binary.LittleEndian.Uint32(chunk[12:]); len(value) <= int(size) {
		binary.LittleEndian.PutUint32(chunk[8:], uint32(copy(chunk[chunkHead:], value)))
		return true
	}
	size := 1 << bits.Len(uint(len(value)))
	if t.full(t.arena.needs(chunkHead + size)) {
		return false
	}
	e.value = uint64(t.newChunk(nowhere, size, value))
	return true
}

// append adds an encoded value to a key's chain, or makes the entry.
func (t *table) append(e *entry, key []byte, hash uint32, head uint64, value []byte) bool {
	if e == nil {
		size := max(chunkFirst, len(value))
		if e = t.insert(key, hash, head, chunkHead+size); e == nil {
			return false
		}
		e.value = uint64(t.newChunk(nowhere, size, value))
		return true
	}
	chunk := t.arena.at(place(e.value))
	used, size := binary.LittleEndian.Uint32(chunk[8:]), binary.LittleEndian.Uint32(chunk[12:])
	if int(used)+len(value) <= int(size) {
		copy(chunk[chunkHead+used:], value)
		binary.LittleEndian.PutUint32(chunk[8:], used+uint32(len(value)))
		return true
	}
	next := max(min(2*int(size), chunkBytes), len(value))
	if t.full(t.arena.needs(chunkHead + next)) {
		return false
	}
	e.value = uint64(t.newChunk(place(e.value), next, value))
	return true
}

func (t *table) newChunk(before place, size int, value []byte) place {
	at, chunk := t.arena.take(chunkHead + size)
	binary.LittleEndian.PutUint64(chunk, uint64(before))
	binary.LittleEndian.PutUint32(chunk[8:], uint32(len(value)))
	binary.LittleEndian.PutUint32(chunk[12:], uint32(size))
	copy(chunk[chunkHead:], value)
	return at
}

// chunkValues returns the values of a chunk.
func chunkValues(chunk []byte) []byte {
	return chunk[chunkHead : chunkHead+binary.LittleEndian.Uint32(chunk[8:])]
}
