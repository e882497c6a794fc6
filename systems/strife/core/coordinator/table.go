package coordinator

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"iter"
	"time"

	"dyno/systems/strife/core/tx"
)

// A table holds the receipts that are kept, as the records that they are in the
// journal, in chunks in the order of time. Of a receipt there is besides: the
// place of the same user's receipt before it, so that a user's can be listed, and
// a slot in the index. So a million take some 100 bytes each, what is too old goes
// a chunk at a time, and a snapshot may read chunks while others are added.
type table struct {
	chunks []chunk
	first  uint32 // the number of the first chunk, counted for ever
	shards [shards]shard
	live   int
}

const (
	chunkSize = 64 << 10
	maxChunks = 1 << 15 // half of what a place can tell apart
	shards    = 64      // that grow one at a time, so that none takes long
)

// chunk is a piece of the table: entries of a place (4 bytes), a length and a
// record. Bytes are added and never changed.
type chunk struct {
	data   []byte
	newest time.Duration // age of its last entry
}

// place is where an entry is: 1 more than the chunk's number (16 bits) and the
// offset (16 bits); 0 is nowhere.
type place = uint32

// shard is a part of the index: a hash table with open addressing. A slot holds 32
// bits of the hash and a place, so that few entries are looked at in vain, and
// none to grow.
type shard struct {
	slots []uint64
	used  int // with those that are gone
}

const gone place = 1<<32 - 1 // where an entry was

func slotOf(tag uint32, at place) uint64 { return uint64(tag)<<32 | uint64(at) }

// shard returns the shard of a hash, and the bits of it that slots hold.
func (t *table) shard(h uint64) (s *shard, tag uint32) {
	return &t.shards[h%shards], uint32(h / shards)
}

func (t *table) full(most int64) bool { return int64(len(t.chunks))*chunkSize >= most }

// hash scatters keys, so that nobody can choose some that collide.
func hash(user uint32, key []byte) uint64 {
	var room [4 + maxKey]byte
	b := append(binary.LittleEndian.AppendUint32(room[:0], user), key...)
	sum := sha256.Sum256(b)
	return binary.LittleEndian.Uint64(sum[:])
}

// entry returns what is at a place, with the place of the user's entry before.
func (t *table) entry(at place) (before place, record []byte) {
	at--
	data := t.chunks[uint16(at>>16)-uint16(t.first)].data
	return readEntry(data[at&0xffff:])
}

func readEntry(b []byte) (before place, record []byte) {
	size, n := binary.Uvarint(b[4:])
	return binary.LittleEndian.Uint32(b), b[4+n : 4+n+int(size)]
}

// entrySize is what a record takes in a chunk.
func entrySize(record []byte) int {
	var room [binary.MaxVarintLen64]byte
	return 4 + binary.PutUvarint(room[:], uint64(len(record))) + len(record)
}

// alive reports whether a place is in a chunk that is kept.
func (t *table) alive(at place) bool {
	return at != 0 && int(uint16((at-1)>>16)-uint16(t.first)) < len(t.chunks)
}

// whose returns user and key of a record of the table.
func whose(record []byte) (user uint32, key []byte) {
	r := tx.NewReader(record[1:])
	r.Uint(1<<32 - 1)
	r.Uint(1<<64 - 1)
	if record[0] != kindPaid {
		r.Byte()
	}
	r.Uint(1<<64 - 1)
	return uint32(r.Uint(1<<32 - 1)), r.Text()
}

// find returns the newest record of a key, nil if there is none.
func (t *table) find(user uint32, key []byte) []byte {
	s, tag := t.shard(hash(user, key))
	if slot, ok := t.slot(s, tag, user, key); ok {
		_, record := t.entry(place(s.slots[slot]))
		return record
	}
	return nil
}

// slot returns where a key is in a shard, or where it would be.
func (t *table) slot(s *shard, tag, user uint32, key []byte) (slot uint32, ok bool) {
	if len(s.slots) == 0 {
		return 0, false
	}
	mask := uint32(len(s.slots) - 1)
	for i := tag & mask; ; i = (i + 1) & mask {
		at := place(s.slots[i])
		switch {
		case at == 0:
			return i, false
		case at != gone && uint32(s.slots[i]>>32) == tag:
			_, record := t.entry(at)
			if u, k := whose(record); u == user && bytes.Equal(k, key) {
				return i, true
			}
		}
	}
}

// add adds a receipt, in place of an older one of the same key, and returns its
// record in the table.
func (t *table) add(n *names, user uint32, key []byte, age time.Duration, record []byte) []byte {
	last := len(t.chunks) - 1
	if last < 0 || len(t.chunks[last].data)+4+binary.MaxVarintLen32+len(record) > chunkSize {
		t.chunks = append(t.chunks, chunk{data: make([]byte, 0, chunkSize)})
		last++
	}
	c := &t.chunks[last]
	at := place(uint16(t.first+uint32(last)))<<16 | place(len(c.data)) + 1
	c.data = binary.LittleEndian.AppendUint32(c.data, n.heads[user])
	c.data = append(binary.AppendUvarint(c.data, uint64(len(record))), record...)
	c.newest = age
	n.heads[user] = at
	t.live++
	s, tag := t.shard(hash(user, key))
	if 4*(s.used+1) > 3*len(s.slots) {
		s.grow()
	}
	i, ok := t.slot(s, tag, user, key)
	if ok {
		t.live--
	} else {
		s.used++
	}
	s.slots[i] = slotOf(tag, at)
	return c.data[len(c.data)-len(record):]
}

// grow makes room in a shard, and clears what is gone.
func (s *shard) grow() {
	old, kept := s.slots, 0
	for _, slot := range old {
		if at := place(slot); at != 0 && at != gone {
			kept++
		}
	}
	size := 16
	for 2*(kept+1) > size { // from a half on it grows
		size *= 2
	}
	s.slots, s.used = make([]uint64, size), kept
	mask := uint32(size - 1)
	for _, slot := range old {
		if at := place(slot); at == 0 || at == gone {
			continue
		}
		i := uint32(slot>>32) & mask
		for s.slots[i] != 0 {
			i = (i + 1) & mask
		}
		s.slots[i] = slot
	}
}

// expire drops the chunks whose entries are all as old as an age, or older.
func (t *table) expire(n *names, age time.Duration) {
	for len(t.chunks) > 1 && t.chunks[0].newest <= age {
		t.forget(n, t.chunks[0].data)
		t.chunks[0] = chunk{}
		t.chunks = t.chunks[1:]
		t.first++
	}
}

// forget takes the entries of the first chunk out of the index.
func (t *table) forget(n *names, data []byte) {
	for offset := 0; offset < len(data); {
		at := place(uint16(t.first))<<16 | place(offset) + 1
		_, record := readEntry(data[offset:])
		user, key := whose(record)
		s, tag := t.shard(hash(user, key))
		if i, ok := t.slot(s, tag, user, key); ok && place(s.slots[i]) == at {
			s.slots[i] = slotOf(tag, gone)
			t.live--
		}
		if n.heads[user] == at {
			n.heads[user] = 0
		}
		offset += entrySize(record)
	}
}

// of returns the records of a user, the newest first.
func (t *table) of(n *names, user uint32) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		age := func(at place) uint32 { return (at - 1) - t.first<<16 } // grows with time
		for at := n.heads[user]; t.alive(at); {
			before, record := t.entry(at)
			if !yield(record) || age(before) >= age(at) { // its chunk is gone, and its number used again
				return
			}
			at = before
		}
	}
}
