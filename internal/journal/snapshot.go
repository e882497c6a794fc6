package journal

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
)

// part is the size of a piece of a snapshot, in bytes: what is held in memory
// of it.
const part = 256 << 10

// Snapshot replaces all records up to and including sequence number through,
// which must be durable, by what write writes: the state that they add up to.
// It returns once that is durable. A crash at any moment leaves the records or
// the snapshot, or both. It may be called beside the other methods, once at a
// time and never beside CutAfter; of the state it holds 256 KiB in memory. When
// it fails before the snapshot is in its place, as on a full disk, the log goes
// on as it was.
func (l *Log) Snapshot(through uint64, write func(io.Writer) error) error {
	l.mu.Lock()
	older, durable, err := l.through, l.durable, l.failed
	l.mu.Unlock()
	if err != nil {
		return err
	}
	if through == 0 || through < older || through > durable {
		return fmt.Errorf("journal: snapshot through record %d; there is one through %d, and records through %d are durable",
			through, older, durable)
	}
	s, err := l.stage(0)
	if err != nil {
		return fmt.Errorf("journal %s: snapshot: %w", l.dir, err)
	}
	w := &snapshotWriter{file: s, through: through}
	if err = w.begin(l.opt.Identity); err == nil {
		err = write(w)
	}
	if err == nil {
		err = w.finish()
	}
	if err == nil {
		err = s.Sync()
	}
	if err != nil {
		return fmt.Errorf("journal %s: snapshot: %w", l.dir, errors.Join(err, s.discard(l.fs)))
	}
	if err := l.publish(s, l.path(through, snapshotSuffix)); err != nil {
		return errors.Join(err, s.Close())
	}
	if err := errors.Join(s.Close(), l.compact(older, through)); err != nil {
		return l.fail(fmt.Errorf("journal %s: clearing what the snapshot replaces: %w; open it again", l.dir, err))
	}
	return nil
}

// compact removes what a snapshot replaces. What a crash leaves of it is
// removed when the journal is opened.
func (l *Log) compact(older, through uint64) error {
	l.mu.Lock()
	files := inventory{segments: l.segments, through: through}
	covered := files.covered()
	gone := slices.Clone(l.segments[:covered])
	l.segments = slices.Delete(l.segments, 0, covered)
	l.through = through
	l.mu.Unlock()
	var err error
	if older > 0 && older != through {
		err = l.fs.Remove(l.path(older, snapshotSuffix))
	}
	for _, s := range gone {
		err = errors.Join(err, l.fs.Remove(l.path(s.first, segmentSuffix)))
	}
	return err
}

// snapshotWriter cuts a stream into pieces.
type snapshotWriter struct {
	place
	file    File
	through uint64
	pieces  int
	buf     []byte // the piece in the making, with room for its header
}

func (w *snapshotWriter) begin(identity string) error {
	h := header{salt: newSalt(), first: w.through, identity: identity}
	w.place = place{salt: h.salt, offset: dataOffset}
	w.buf = make([]byte, align, align+part)
	return writeAt(w.file, h.bytes(snapshotMagic), 0)
}

func (w *snapshotWriter) Write(b []byte) (n int, err error) {
	for len(b) > 0 {
		k := min(len(b), align+part-len(w.buf))
		w.buf, b = append(w.buf, b[:k]...), b[k:]
		n += k
		if len(w.buf) < align+part {
			break
		}
		if err := w.put(kindPart); err != nil {
			return n, err
		}
	}
	return n, nil
}

func (w *snapshotWriter) put(kind byte) error {
	at := w.offset
	w.pieces++
	b := w.seal(w.buf, kind, w.through, w.pieces)
	w.buf = b[:align]
	return writeAt(w.file, b, at)
}

func (w *snapshotWriter) finish() error {
	if len(w.buf) > align {
		if err := w.put(kindPart); err != nil {
			return err
		}
	}
	return w.put(kindEnd)
}

// readSnapshot hands a snapshot to do, and checks all of it.
func readSnapshot(fs FS, name string, through uint64, identity string, do func(Entry) error) error {
	s, _, err := openScanner(fs, name, snapshotMagic, through, identity)
	if err != nil {
		return err
	}
	r := &snapshotReader{s: s, through: through}
	err = do(Entry{Sequence: through, Snapshot: r})
	if err == nil {
		_, err = io.Copy(io.Discard, r)
	}
	return errors.Join(err, s.file.Close())
}

// snapshotReader reads the pieces of a snapshot.
type snapshotReader struct {
	s       *scanner
	through uint64
	pieces  uint32
	rest    []byte // of the piece
	err     error
}

func (r *snapshotReader) Read(b []byte) (int, error) {
	for len(r.rest) == 0 && r.err == nil {
		r.rest, r.err = r.next()
	}
	n := copy(b, r.rest)
	r.rest = r.rest[n:]
	if n > 0 {
		return n, nil
	}
	return 0, r.err
}

// next reads a piece. A snapshot was synced before it got its name, so that
// whatever is not as it should be is damage.
func (r *snapshotReader) next() ([]byte, error) {
	s := r.s
	head, err := s.read(s.offset, align)
	if err != nil {
		return nil, err
	}
	f, ok := parseFrame(head, s.salt, s.offset)
	if r.pieces++; !ok || f.prev != s.prev || f.first != r.through || f.count != r.pieces {
		return nil, s.damage("the header of a piece is not as it was written")
	}
	body, err := s.read(s.offset+align, padded(int64(f.length)))
	if err != nil {
		return nil, err
	}
	if crc32.Update(s.salt, checksum, body) != f.body {
		return nil, s.damage("a piece fails its checksum")
	}
	s.offset += f.size()
	s.prev = f.link
	switch {
	case f.kind == kindPart:
		return body[:f.length], nil
	case f.kind == kindEnd && s.offset == s.size:
		return nil, io.EOF
	default:
		return nil, s.damage("it does not end where it should")
	}
}
