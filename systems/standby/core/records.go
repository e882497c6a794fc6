package core

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Records of a server's journal, by their first byte.
const (
	recordEntries = 'a' // actions that follow each other
	recordEpoch   = 'e' // the highest epoch that the server knows
	recordCut     = 'c' // all actions after one are undone
	recordChunk   = 's' // a part of a state that replaces what is there
	recordLost    = 'l' // actions that are in no log any more
)

// entryBytes is an entry's length in a record.
const entryBytes = 7*8 + 4

// encoder appends numbers; decoder takes them off, and notes what is missing.
type encoder []byte

func (b encoder) u64(values ...uint64) encoder {
	for _, v := range values {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	return b
}

func (b encoder) u32(v uint32) encoder { return binary.BigEndian.AppendUint32(b, v) }

func (b encoder) text(s string) encoder { return append(b.u32(uint32(len(s))), s...) }

func (b encoder) entry(e Entry) encoder {
	return b.u64(e.ID, e.Epoch, e.Client, e.Number, uint64(e.Delta), bit(e.Refused), e.Checksum).u32(e.Account)
}

type decoder struct {
	rest  []byte
	short bool
}

func (d *decoder) take(n int) []byte {
	if n > len(d.rest) {
		d.short, d.rest = true, nil
		return make([]byte, min(n, 8)) // of what is missing
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) u64() uint64 { return binary.BigEndian.Uint64(d.take(8)) }
func (d *decoder) u32() uint32 { return binary.BigEndian.Uint32(d.take(4)) }

func (d *decoder) text() string { return string(d.take(int(d.u32()))) }

// count is how many things of at least a number of bytes follow.
func (d *decoder) count(least int) int {
	n := int(d.u32())
	if n*least > len(d.rest) {
		d.short = true
		return 0
	}
	return n
}

func (d *decoder) entry() (e Entry) {
	e.ID, e.Epoch, e.Client, e.Number = d.u64(), d.u64(), d.u64(), d.u64()
	e.Delta, e.Refused, e.Checksum, e.Account = int64(d.u64()), d.u64() == 1, d.u64(), d.u32()
	return e
}

// end is an error unless all was there, and nothing else.
func (d *decoder) end() error {
	if d.short || len(d.rest) > 0 {
		return errors.New("a record does not have the length that it says")
	}
	return nil
}

func entriesRecord(entries ...Entry) []byte {
	b := append(make(encoder, 0, 1+len(entries)*entryBytes), recordEntries)
	for _, e := range entries {
		b = b.entry(e)
	}
	return b
}

func record(kind byte, values ...uint64) []byte { return encoder{kind}.u64(values...) }

// Visit tells what a record of a server's journal does to the log: entries that
// are added, or that all after an action are gone. It is for those who look at
// a journal from outside.
func Visit(record []byte, added func(Entry), cut func(after uint64), replaced func(chunk Chunk)) error {
	if len(record) == 0 {
		return errors.New("an empty record")
	}
	d := decoder{rest: record[1:]}
	switch record[0] {
	case recordEntries:
		for len(d.rest) > 0 {
			if e := d.entry(); !d.short {
				added(e)
			}
		}
	case recordCut:
		cut(d.u64())
	case recordChunk:
		replaced(d.chunk())
	case recordEpoch:
		d.take(8)
	case recordLost:
		d.take(24)
	default:
		return fmt.Errorf("a record of kind %q", record[0])
	}
	return d.end()
}

// Chunk is a part of a state.
type Chunk struct {
	Action       uint64
	Index, Count uint32
	Data         []byte
}

func (d *decoder) chunk() Chunk {
	c := Chunk{Action: d.u64(), Index: d.u32(), Count: d.u32()}
	c.Data, d.rest = d.rest, nil
	return c
}

func chunkRecord(c Chunk) []byte {
	return append(encoder{recordChunk}.u64(c.Action).u32(c.Index).u32(c.Count), c.Data...)
}

// chunks cuts a state up.
func (s *State) chunks(size int) []Chunk {
	data := s.encode()
	count := (len(data) + size - 1) / size
	all := make([]Chunk, count)
	for i := range all {
		all[i] = Chunk{Action: s.action, Index: uint32(i), Count: uint32(count), Data: data[i*size : min(len(data), (i+1)*size)]}
	}
	return all
}

// gather puts chunks together that come in order; whole is set with the last.
func gather(soFar []byte, next uint32, c Chunk) (data []byte, whole, ok bool) {
	if c.Index == 0 {
		soFar, next = nil, 0
	}
	if c.Index != next || c.Index >= c.Count {
		return nil, false, false
	}
	return append(soFar, c.Data...), c.Index == c.Count-1, true
}

// encode writes a state without its window.
func (s *State) encode() []byte {
	b := encoder{}.u64(s.origin, s.action, s.checksum, s.accepted, s.forgotten)
	b = b.u32(uint32(len(s.reigns)))
	for _, r := range s.reigns {
		b = b.u64(r.Epoch, r.After)
	}
	b = b.u32(uint32(len(s.names)))
	for i, n := range s.names {
		b = b.text(n).u64(uint64(s.balances[i]))
	}
	b = b.u32(uint32(len(s.replies.by)))
	s.replies.each(func(client uint64, r Remembered) {
		b = b.u64(client, r.Number, r.Epoch, r.Action, uint64(r.Balance), bit(r.Refused))
	})
	return b
}

// decode reads a state, with the limits of the one that it will replace.
func (s *State) decode(data []byte) (*State, error) {
	d := decoder{rest: data}
	n := &State{index: map[string]uint32{}, replies: newReplies(s.replies.limit), window: newWindow(len(s.window.slots))}
	n.origin, n.action, n.checksum, n.accepted, n.forgotten = d.u64(), d.u64(), d.u64(), d.u64(), d.u64()
	for range d.count(16) {
		n.reigns = append(n.reigns, Reign{d.u64(), d.u64()})
	}
	for i := range d.count(12) {
		name := d.text()
		n.names, n.balances = append(n.names, name), append(n.balances, int64(d.u64()))
		n.index[name] = uint32(i)
	}
	for range d.count(48) {
		gone := n.replies.put(d.u64(), Remembered{d.u64(), d.u64(), d.u64(), int64(d.u64()), d.u64() == 1})
		n.forgotten = max(n.forgotten, gone)
	}
	n.window.begin(n.action)
	return n, d.end()
}
