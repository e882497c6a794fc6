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
	return fmt.Sprintf("journal %s is damaged at byte %d: %s; restore it from a copy: records from there on cannot be trusted",
		e.Path, e.Offset, e.Reason)
}

// window is how much is read at once, in bytes.
const window = 1 << 20

// scanner reads the frames of a file in order.
type scanner struct {
	place
	name  string
	file  File
	size  int64  // nothing is read from there on
	last  uint64 // sequence number of the record before the next frame
	begin int64  // of the last whole batch, or where the first one will be
	torn  int64  // bytes from the offset on that were written in part; set with io.EOF

	buf   []byte // what of the file was read last
	bufAt int64  // where in the file it is from
}

// openSegment opens a segment for a scan from its begin.
func openSegment(fs FS, name string, seq uint64, identity string) (*scanner, header, error) {
	s, h, err := openScanner(fs, name, segmentMagic, seq, identity)
	if err == nil && s.size != h.size {
		s.offset = min(s.size, h.size)
		err = s.damage("it has %d bytes, and %d when it was written", s.size, h.size)
		s.file.Close()
	}
	return s, h, err
}

func openScanner(fs FS, name string, magic [8]byte, seq uint64, identity string) (*scanner, header, error) {
	f, err := fs.Open(name, false)
	if err != nil {
		return nil, header{}, err
	}
	h, err := readHeader(name, f, magic, seq, identity)
	size := int64(0)
	if err == nil {
		size, err = f.Size()
	}
	if err != nil {
		f.Close()
		return nil, h, err
	}
	p := place{salt: h.salt, offset: dataOffset, prev: h.prev}
	return &scanner{place: p, name: name, file: f, size: size, last: seq - 1, begin: dataOffset}, h, nil
}

func (s *scanner) damage(reason string, args ...any) error {
	return &DamageError{Path: s.name, Offset: s.offset, Reason: fmt.Sprintf(reason, args...)}
}

// batch reads the next batch of records. At the end of what was acknowledged
// it returns io.EOF, with the offset at the end of the last whole batch.
func (s *scanner) batch() (frame, []byte, error) {
	if s.size-s.offset < align {
		return frame{}, nil, io.EOF
	}
	head, err := s.read(s.offset, align)
	if err != nil {
		return frame{}, nil, err
	}
	f, ok := parseFrame(head, s.salt, s.offset)
	if !ok {
		return frame{}, nil, s.badHeader(head)
	}
	if f.kind != kindRecords || f.prev != s.prev || f.first != s.last+1 || f.count == 0 || f.size() > s.size-s.offset {
		return frame{}, nil, s.damage("a frame of kind %q with records from %d does not follow record %d", f.kind, f.first, s.last)
	}
	body, err := s.read(s.offset+align, padded(int64(f.length)))
	if err != nil {
		return frame{}, nil, err
	}
	if crc32.Update(s.salt, checksum, body) != f.body {
		return frame{}, nil, s.badBody(f, body)
	}
	s.begin, s.offset = s.offset, s.offset+f.size()
	s.last, s.prev = f.last(), f.link
	return f, body[:f.length], nil
}

// badHeader tells a header that was never written from one that is not as it
// was written.
func (s *scanner) badHeader(head []byte) error {
	if !bytes.Equal(head, zeroSector[:align]) {
		return s.damage("the header of a batch fails its checksum")
	}
	rest, err := s.read(s.offset, min(sector-s.offset%sector, s.size-s.offset))
	if err != nil {
		return err
	}
	if !bytes.Equal(rest, zeroSector[:len(rest)]) {
		return s.damage("zeros where the header of a batch was, and its sector was written")
	}
	end, err := s.written(s.offset, true)
	if err == nil {
		s.torn, err = end-s.offset, io.EOF
	}
	return err
}

// badBody does the same for a body.
func (s *scanner) badBody(f frame, body []byte) error {
	if zeroParts(body, s.offset+align) <= f.zeros {
		return s.damage("the records after %d fail their checksum", s.last)
	}
	end := s.offset + f.size()
	behind, err := s.written(end, false)
	if err == nil && behind > end {
		err = s.damage("the records after %d fail their checksum, with more behind them", s.last)
	}
	if err == nil {
		s.torn, err = f.size(), io.EOF
	}
	return err
}

// written returns where behind an offset the last byte is that is not zero, or
// the offset. A batch there is damage: its writer has been there, so that all
// before it had been synced.
func (s *scanner) written(offset int64, batches bool) (end int64, err error) {
	end = offset
	for at := offset; at < s.size; at += window {
		b, err := s.read(at, min(window, s.size-at))
		if err != nil {
			return 0, err
		}
		for i := 0; i < len(b); i += align {
			unit := b[i:min(i+align, len(b))]
			if bytes.Equal(unit, zeroSector[:len(unit)]) {
				continue
			}
			here := at + int64(i)
			end = here + int64(len(bytes.TrimRight(unit, "\x00")))
			if !batches || len(unit) < align {
				continue
			}
			if f, ok := parseFrame(unit, s.salt, here); ok && f.first > s.last {
				return 0, s.damage("zeros where a batch was, with another batch behind it at byte %d", here)
			}
		}
	}
	return end, nil
}

// read returns n bytes, valid until the next call.
func (s *scanner) read(offset, n int64) ([]byte, error) {
	if at := offset - s.bufAt; at >= 0 && at+n <= int64(len(s.buf)) {
		return s.buf[at : at+n], nil
	}
	want := min(max(n, window), s.size-offset)
	if want < n {
		return nil, s.damage("it ends early")
	}
	if int64(cap(s.buf)) < want {
		s.buf = make([]byte, want)
	}
	s.buf, s.bufAt = s.buf[:want], offset
	if _, err := s.file.ReadAt(s.buf, offset); err != nil {
		s.buf = s.buf[:0]
		return nil, fmt.Errorf("journal %s: %w", s.name, err)
	}
	return s.buf[:n], nil
}

// eachRecord calls do for the records of a batch with sequence numbers within
// [from, to].
func eachRecord(f frame, body []byte, from, to uint64, do func(Entry) error) error {
	for seq := f.first; seq <= min(to, f.last()); seq++ {
		record, rest, ok := cutRecord(body)
		if !ok { // its checksum is right: a bug in the writer
			return fmt.Errorf("journal: the batch from record %d holds fewer than its %d records", f.first, f.count)
		}
		body = rest
		if seq < from {
			continue
		}
		if err := do(Entry{Sequence: seq, Data: record}); err != nil {
			return err
		}
	}
	return nil
}
