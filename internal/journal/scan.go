package journal

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
)

// DamageError says that a journal does not hold what was written to it.
type DamageError struct {
	Path   string
	Offset int64  // in bytes, of the first thing that is not as it was written
	Reason string // in a few words
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("journal %s is damaged at byte %d: %s; restore it from a copy: records from there on cannot be trusted", e.Path, e.Offset, e.Reason)
}

// Entry is what Open replays: the snapshot first, if there is one, then every
// record after it.
type Entry struct {
	Sequence uint64 // from 1, without gaps; of a snapshot, that of the last record in it
	Snapshot bool
	Data     []byte // valid during the call only
}

// Recovery says what Open found.
type Recovery struct {
	Created  bool   // there was no journal before
	Snapshot bool   // replay began with a snapshot
	Records  int    // replayed
	Last     uint64 // sequence number of the last record or snapshot; 0: none
	Cut      int64  // bytes of a torn, never acknowledged batch that were cut off the end
}

// scanner reads the batches of a file.
type scanner struct {
	path   string
	file   io.ReaderAt
	size   int64
	salt   uint32
	offset int64 // of the next batch
	last   uint64
	buf    []byte
}

func (s *scanner) damage(reason string, args ...any) error {
	return &DamageError{Path: s.path, Offset: s.offset, Reason: fmt.Sprintf(reason, args...)}
}

// next reads one batch. At the end of what was acknowledged it returns io.EOF,
// with offset at the end of the last whole batch.
func (s *scanner) next() (frame, []byte, error) {
	if s.offset == s.size {
		return frame{}, nil, io.EOF
	}
	head, err := s.read(s.offset, align)
	if err != nil {
		return frame{}, nil, err
	}
	if len(head) < align {
		return frame{}, nil, io.EOF // the file ends within the header
	}
	f, ok := parseFrame(head, s.salt)
	if !ok {
		return frame{}, nil, s.badHeader(head)
	}
	body, err := s.read(s.offset+align, padded(int64(f.length)))
	if err != nil {
		return frame{}, nil, err
	}
	if s.offset+f.size() > s.size {
		return frame{}, nil, io.EOF // the file ends within the body
	}
	if crc32.Update(s.salt, checksum, body) != f.body {
		return frame{}, nil, s.badBody(f, body)
	}
	if err := s.follow(f); err != nil {
		return frame{}, nil, err
	}
	s.offset += f.size()
	s.last = f.last()
	return f, body[:f.length], nil
}

// follow checks that the batch is the one that must come here.
func (s *scanner) follow(f frame) error {
	switch {
	case f.kind == kindSnapshot && s.last == 0 && f.count == 1:
		return nil
	case f.kind == kindRecords && f.first == s.last+1 && f.count > 0:
		return nil
	default:
		return s.damage("a batch of kind %q with records from %d follows record %d", f.kind, f.first, s.last)
	}
}

// badHeader tells a header that was never written from one that is not as it
// was written.
func (s *scanner) badHeader(head []byte) error {
	if !bytes.Equal(head, zeroSector[:align]) {
		return s.damage("the header of a batch fails its checksum")
	}
	later, err := s.laterBatch()
	if err != nil {
		return err
	}
	if later >= 0 {
		return s.damage("zeros where a batch was, with another batch behind it at byte %d", later)
	}
	return io.EOF
}

// badBody does the same for a body.
func (s *scanner) badBody(f frame, body []byte) error {
	if s.offset+f.size() < s.size {
		return s.damage("the records after %d fail their checksum, with more behind them", s.last)
	}
	if zeroParts(body, s.offset+align) <= f.zeros {
		return s.damage("the records after %d fail their checksum", s.last)
	}
	return io.EOF
}

// laterBatch looks for a batch behind the offset: there the writer has been,
// so all before it had been synced. It returns -1 if there is none.
func (s *scanner) laterBatch() (int64, error) {
	const window = 1 << 20
	for at := s.offset + align; at < s.size; at += window {
		b, err := s.read(at, window)
		if err != nil {
			return 0, err
		}
		for i := 0; i+align <= len(b); i += align {
			if f, ok := parseFrame(b[i:i+align], s.salt); ok && f.first > s.last {
				return at + int64(i), nil
			}
		}
	}
	return -1, nil
}

// read returns up to n bytes; fewer only at the end of the file.
func (s *scanner) read(offset, n int64) ([]byte, error) {
	n = min(n, s.size-offset)
	if n <= 0 {
		return nil, nil
	}
	if int64(cap(s.buf)) < n {
		s.buf = make([]byte, n)
	}
	b := s.buf[:n]
	if _, err := s.file.ReadAt(b, offset); err != nil {
		return nil, fmt.Errorf("journal %s: %w", s.path, err)
	}
	return b, nil
}

// entries calls do for each entry up to the end of what was acknowledged.
func (s *scanner) entries(do func(Entry) error) (r Recovery, err error) {
	for {
		f, body, err := s.next()
		if err == io.EOF {
			r.Last, r.Cut = s.last, s.size-s.offset
			return r, nil
		}
		if err != nil {
			return r, err
		}
		if f.kind == kindSnapshot {
			r.Snapshot = true
			if err := do(Entry{Sequence: f.first, Snapshot: true, Data: body}); err != nil {
				return r, err
			}
			continue
		}
		r.Records += int(f.count)
		if err := eachRecord(f, body, do); err != nil {
			return r, err
		}
	}
}

func eachRecord(f frame, body []byte, do func(Entry) error) error {
	for i := range uint64(f.count) {
		record, rest, ok := cutRecord(body)
		if !ok { // its checksum is right: a bug in the writer
			return fmt.Errorf("journal: batch from record %d holds fewer than its %d records", f.first, f.count)
		}
		body = rest
		if err := do(Entry{Sequence: f.first + i, Data: record}); err != nil {
			return err
		}
	}
	return nil
}
