package task

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"dyno/systems/mapreduce/core/job"
)

// table holds the keys of a map task with their values, up to a budget.
//
// What the profile taught: per pair the time goes into cache misses and
// mispredicted branches, not into instructions. So a slot is 8 bytes and holds
// 32 bits of the hash, which decide nearly always, beside the entry's number; an entry is half a cache line and
// holds the key's first 8 bytes, so that short keys are compared without a
// look at the arena; the partition, a byte-wise hash, is computed when a key
// is first seen and never again. The hash of the slots is another one, fast,
// and stays in the process.
type table struct {
	slots   []uint64 // hash<<32 | entry number + 1; 0: free. At most half are taken.
	entries []entry
	arena   arena
	budget  int64
	program job.Program
	reduces int
	scratch []byte
	hashes  [job.BatchPairs]uint32 // of a batch
	heads   [job.BatchPairs]uint64
	likely  [job.BatchPairs]uint32 // the entries, numbered from 1, whose hashes are in the keys' first slots; 0: none
	touched uint64                 // keeps the compiler from dropping reads made for the cache
	joined  int64                  // pairs that a combiner joined into others
	common  common
}

// entry is a key. Its value is the combined number, or the place of its
// combined text, or of its newest chunk of values.
type entry struct {
	head  uint64 // the first 8 bytes, little-endian, missing ones 0
	key   place
	value uint64
	size  uint32 // of the key
	part  uint32 // its reduce task
}

const (
	entryBytes   = 32
	slotBytes    = 8
	sortBytes    = 36 // per entry, while a run is written
	tableEntries = 1 << 10
)

// bytes returns what the table holds, with what it will need to be sorted.
func (t *table) bytes() int64 { return tableBytes(cap(t.entries)) + t.arena.bytes }

func tableBytes(entries int) int64 { return int64(entries) * (entryBytes + 2*slotBytes + sortBytes) }

// add takes pairs and returns how many: fewer than all when the budget is
// reached. An empty table takes at least one.
func (t *table) add(b job.Batch) int {
	if t.slots == nil {
		t.grow(tableEntries)
	}
	t.look(b.Keys)
	t.common.seen = nil // whoever emitted it may have changed it since
	combine, shares := t.program.Combine, t.shares()
	for i, key := range b.Keys {
		hash, head := t.hashes[i], t.heads[i]
		var e *entry
		if n := t.likely[i]; n > 0 && t.is(&t.entries[n-1], key, head) {
			e = &t.entries[n-1]
		} else {
			e = t.find(key, hash, head)
		}
		switch {
		case shares && e != nil && place(e.value) == t.common.at && t.common.is(b.Texts[i]):
			t.joined++
		case t.program.Texts:
			if !t.addText(e, key, hash, head, b.Texts[i]) {
				return i
			}
		case e != nil && combine != nil:
			e.value = combine(e.value, b.Numbers[i])
			t.joined++
		case !t.addNumber(e, key, hash, head, b.Numbers[i]):
			return i
		}
	}
	return len(b.Keys)
}

// cacheSlots is a table of which little more than the slots fits in a
// second-level cache.
const cacheSlots = 1 << 18

// look hashes a batch and reads the first two slots of all keys, in which nearly all
// are, without a branch on which; and if the table is large, then their entries: a
// miss costs a hundred nanoseconds, but reads that do not wait for each other miss
// together.
func (t *table) look(keys [][]byte) {
	for i, key := range keys {
		t.hashes[i], t.heads[i] = hashKey(key)
	}
	mask := uint32(len(t.slots) - 1)
	for i, h := range t.hashes[:len(keys)] {
		first, second, n := t.slots[h&mask], t.slots[(h+1)&mask], uint32(0)
		if uint32(second>>32) == h {
			n = uint32(second)
		}
		if uint32(first>>32) == h {
			n = uint32(first)
		}
		t.likely[i] = n
	}
	if len(t.slots) < cacheSlots {
		return
	}
	sum := uint64(0)
	for _, n := range t.likely[:len(keys)] {
		if int(n) < len(t.entries) {
			sum += t.entries[n].head
		}
	}
	t.touched = sum
}

// find returns a key's entry, or nil.
func (t *table) find(key []byte, hash uint32, head uint64) *entry {
	mask := uint32(len(t.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		s := t.slots[i]
		if s == 0 {
			return nil
		}
		if uint32(s>>32) != hash {
			continue
		}
		e := &t.entries[uint32(s)-1]
		if t.is(e, key, head) {
			return e
		}
	}
}

// is reports whether an entry is a key's.
func (t *table) is(e *entry, key []byte, head uint64) bool {
	return e.head == head && int(e.size) == len(key) && (len(key) <= 8 || t.sameRest(e, key))
}

// sameRest compares what follows the first 8 bytes of two keys of one size.
func (t *table) sameRest(e *entry, key []byte) bool {
	have, n := t.key(e), len(key)-8
	if n <= 8 {
		return binary.LittleEndian.Uint64(have[n:]) == binary.LittleEndian.Uint64(key[n:])
	}
	return bytes.Equal(have[8:], key[8:])
}

// key returns an entry's key.
func (t *table) key(e *entry) []byte { return t.arena.at(e.key)[:e.size] }

// full reports whether so many more bytes are too many. The first key always
// fits.
func (t *table) full(more int64) bool { return len(t.entries) > 0 && t.bytes()+more > t.budget }

// insert makes an entry, with room bytes to follow the key in the arena. It
// returns nil when the budget is reached.
func (t *table) insert(key []byte, hash uint32, head uint64, room int) *entry {
	if t.full(t.arena.needs(len(key) + room)) {
		return nil
	}
	if n := len(t.entries); n == cap(t.entries) {
		if t.full(tableBytes(n)) { // the old and the new table, for a moment
			return nil
		}
		t.grow(2 * n)
	}
	at, kept := t.arena.take(len(key))
	copy(kept, key)
	t.entries = append(t.entries, entry{head: head, key: at, size: uint32(len(key)), part: uint32(t.program.Part(key, t.reduces))})
	t.link(hash, len(t.entries))
	return &t.entries[len(t.entries)-1]
}

// link puts an entry's number into the first free slot for its hash.
func (t *table) link(hash uint32, number int) {
	mask := uint32(len(t.slots) - 1)
	i := hash & mask
	for t.slots[i] != 0 {
		i = (i + 1) & mask
	}
	t.slots[i] = uint64(hash)<<32 | uint64(number)
}

// grow makes room for so many entries, a power of two.
func (t *table) grow(entries int) {
	old := t.slots
	t.slots = make([]uint64, 2*entries)
	for _, s := range old {
		if s != 0 {
			t.link(uint32(s>>32), int(uint32(s)))
		}
	}
	more := make([]entry, len(t.entries), entries)
	copy(more, t.entries)
	t.entries = more
}

// reset empties the table and keeps its memory.
func (t *table) reset() {
	clear(t.slots)
	t.entries = t.entries[:0]
	t.arena.reset()
	t.common = common{}
}

// hashKey returns a key's hash for the slots, and its first 8 bytes. It reads
// beyond short keys, where they are part of a larger buffer, as words of a
// block are.
func hashKey(key []byte) (hash uint32, head uint64) {
	const (
		m1 = 0xa0761d6478bd642f // of wyhash
		m2 = 0xe7037ed1a0b428db
	)
	n := len(key)
	if n > 8 {
		return hashLong(key), binary.LittleEndian.Uint64(key)
	}
	if cap(key) >= 8 {
		head = binary.LittleEndian.Uint64(key[:8]) & (1<<(8*n) - 1)
	} else {
		for i, b := range key {
			head |= uint64(b) << (8 * i)
		}
	}
	hi, lo := bits.Mul64(head^m1, uint64(n)^m2)
	return uint32(hi ^ lo), head
}

// hashLong hashes keys of more than 8 bytes.
func hashLong(key []byte) uint32 {
	const (
		m1 = 0xa0761d6478bd642f
		m2 = 0xe7037ed1a0b428db
	)
	h := uint64(len(key)) * m2
	for rest := key; len(rest) > 8; rest = rest[8:] {
		hi, lo := bits.Mul64(binary.LittleEndian.Uint64(rest)^m1, h^m2)
		h = hi ^ lo
	}
	hi, lo := bits.Mul64(binary.LittleEndian.Uint64(key[len(key)-8:])^m1, h^m2)
	return uint32(hi ^ lo)
}
