package token

import (
	"encoding/binary"
	"maps"
	"slices"

	"dyno/internal/replica"
)

// set is a set of writes. Since a branch applies each origin's writes without
// gaps, the latest of each origin tells whether it has them all; a write set
// names each of them all the same, which is what makes it long.
type set struct {
	top    replica.Vector
	single map[replica.ID][]uint64 // of a write set: by origin, ascending
}

func (s *set) raise(origin replica.ID, seq uint64) {
	if s.top == nil {
		s.top = make(replica.Vector)
	}
	s.top[origin] = max(s.top[origin], seq)
}

func (s *set) add(kind Kind, origin replica.ID, seq uint64) {
	s.raise(origin, seq)
	if kind == Vector {
		return
	}
	if s.single == nil {
		s.single = make(map[replica.ID][]uint64)
	}
	all := s.single[origin]
	if at, there := slices.BinarySearch(all, seq); !there {
		s.single[origin] = slices.Insert(all, at, seq)
	}
}

// addAll adds all writes of an origin up to a number.
func (s *set) addAll(kind Kind, origin replica.ID, upTo uint64) {
	if upTo == 0 {
		return
	}
	if kind == Vector {
		s.raise(origin, upTo)
		return
	}
	all := s.single[origin]
	for seq := uint64(1); seq <= upTo; seq++ {
		if uint64(len(all)) < seq || all[seq-1] != seq { // all before it are there
			s.add(kind, origin, seq)
			all = s.single[origin]
		}
	}
}

func (s *set) encode(kind Kind, b []byte) []byte {
	if kind == Vector {
		return s.top.Append(b)
	}
	b = binary.AppendUvarint(b, uint64(len(s.single)))
	for _, origin := range slices.Sorted(maps.Keys(s.single)) {
		b = binary.AppendVarint(b, int64(origin))
		b = binary.AppendUvarint(b, uint64(len(s.single[origin])))
		before := uint64(0)
		for _, seq := range s.single[origin] {
			b = binary.AppendUvarint(b, seq-before)
			before = seq
		}
	}
	return b
}

func decode(kind Kind, b []byte) (s set, rest []byte, err error) {
	if kind == Vector {
		s.top, rest, err = replica.ParseVector(b)
		if err != nil {
			return set{}, nil, errToken
		}
		maps.DeleteFunc(s.top, func(_ replica.ID, n uint64) bool { return n == 0 })
		return s, rest, nil
	}
	origins, b, ok := uvarint(b)
	for ; ok && origins > 0; origins-- {
		id, size := binary.Varint(b)
		if ok = size > 0 && int64(replica.ID(id)) == id; ok {
			b, ok = s.decodeOrigin(replica.ID(id), b[size:])
		}
	}
	if !ok {
		return set{}, nil, errToken
	}
	return s, b, nil
}

// decodeOrigin takes the writes of one origin off the front.
func (s *set) decodeOrigin(origin replica.ID, b []byte) (rest []byte, ok bool) {
	n, b, ok := uvarint(b)
	if !ok || n == 0 || n > uint64(len(b)) { // each takes at least one byte
		return nil, false
	}
	all := make([]uint64, 0, n)
	seq := uint64(0)
	for range n {
		var step uint64
		if step, b, ok = uvarint(b); !ok || step == 0 || seq+step < seq {
			return nil, false
		}
		seq += step
		all = append(all, seq)
	}
	if s.single == nil {
		s.single = make(map[replica.ID][]uint64)
	}
	if s.single[origin] != nil {
		return nil, false
	}
	s.single[origin] = all
	s.raise(origin, seq)
	return b, true
}

func uvarint(b []byte) (n uint64, rest []byte, ok bool) {
	n, size := binary.Uvarint(b)
	if size <= 0 {
		return 0, nil, false
	}
	return n, b[size:], true
}
