package journal

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
)

// staged is a file that is not in its place yet.
type staged struct {
	File
	name string
	size int64
}

func (s *staged) discard(fs FS) error { return errors.Join(s.Close(), fs.Remove(s.name)) }

// stage makes a file of zeros beside the others.
func (l *Log) stage(size int64) (*staged, error) {
	l.mu.Lock()
	l.stagings++
	name := filepath.Join(l.dir, strconv.Itoa(l.stagings)+stagedSuffix)
	l.mu.Unlock()
	f, err := l.fs.Create(name, size)
	if err != nil {
		return nil, err
	}
	return &staged{File: f, name: name, size: size}, nil
}

// publish puts a staged and synced file in its place, at once and durably:
// whoever looks finds either what was there before or the whole new file. When
// that fails, which of them is not known, and the log has failed.
func (l *Log) publish(s *staged, name string) error {
	err := l.fs.Rename(s.name, name)
	if err == nil {
		err = l.fs.SyncDir(l.dir)
	}
	if err != nil {
		return l.fail(fmt.Errorf("journal %s: %w; open it again", l.dir, err))
	}
	return nil
}

// Prepare makes the next segment ahead of its use, so that no Write waits for
// that. It may be called beside the other methods.
func (l *Log) Prepare() error {
	l.mu.Lock()
	ready := l.spare != nil
	l.mu.Unlock()
	if ready {
		return nil
	}
	s, err := l.stage(int64(l.opt.Segment))
	if err != nil {
		return fmt.Errorf("journal %s: the next segment: %w", l.dir, err)
	}
	l.mu.Lock()
	l.spare = s
	l.mu.Unlock()
	return nil
}

// take returns an empty segment for a batch of n bytes.
func (l *Log) take(n int64) (*staged, error) {
	size := max(dataOffset+n, int64(l.opt.Segment))
	l.mu.Lock()
	s := l.spare
	if s != nil && s.size >= size {
		l.spare = nil
		l.mu.Unlock()
		return s, nil
	}
	l.mu.Unlock()
	return l.stage(size)
}

// room makes sure that a batch of n bytes fits into the segment.
func (l *Log) room(n int64) error {
	if n <= l.size-l.offset {
		return nil
	}
	old, at := l.file, hintOffset(l.slot)
	continued := hint{durable: l.durable, continued: true}.bytes(l.salt, l.slot)
	if err := l.begin(l.written+1, l.generation, n); err != nil {
		return err
	}
	// Not synced: a hint that gets there late is a hint still.
	if err := errors.Join(writeAt(old, continued, at), old.Close()); err != nil {
		return l.fail(fmt.Errorf("journal %s: %w", l.dir, err))
	}
	return nil
}

// begin goes on in a new segment, with room for a batch of n bytes, behind
// what the place says. It does not close the old one.
func (l *Log) begin(first uint64, generation uint32, n int64) error {
	s, err := l.take(n)
	if err != nil {
		return l.fail(fmt.Errorf("journal %s: a new segment: %w; make room if it is full, and open it again", l.dir, err))
	}
	h := header{salt: newSalt(), generation: generation, first: first, prev: l.prev, size: s.size, identity: l.opt.Identity}
	err = writeAt(s, h.bytes(segmentMagic), 0)
	if err == nil {
		err = s.Sync()
	}
	if err == nil {
		err = l.publish(s, l.path(first, segmentSuffix))
	}
	if err != nil {
		return l.fail(errors.Join(fmt.Errorf("journal %s: a new segment: %w; open it again", l.dir, err), s.Close()))
	}
	l.place = place{salt: h.salt, offset: dataOffset, prev: l.prev}
	l.file, l.size, l.slot, l.sown = s.File, s.size, 0, 0
	l.mu.Lock()
	defer l.mu.Unlock()
	l.generation = generation
	for n := len(l.segments); n > 0 && l.segments[n-1].first >= first; n = len(l.segments) {
		l.segments = l.segments[:n-1] // cut off
	}
	l.segments = append(l.segments, segment{first: first, generation: generation, header: h})
	l.written, l.durable, l.end = first-1, first-1, dataOffset
	l.stats.Segments++
	return nil
}

// CutAfter makes durable what was appended, and then forgets, durably, all
// records after sequence number seq: the next one will be seq+1. A standby
// does so before it follows a primary that knows nothing of them. A crash
// leaves all of them or none. Readers that are open end with [ErrCut].
//
// Nothing is overwritten: a new segment of a later generation says where the
// one before it ends now, and what was behind is removed.
func (l *Log) CutAfter(seq uint64) error {
	if err := l.Flush(); err != nil {
		return err
	}
	if seq >= l.last {
		return nil
	}
	if seq < l.through {
		return fmt.Errorf("%w, through record %d: nothing can be cut after record %d", ErrCompacted, l.through, seq)
	}
	keep, link, err := l.linkAt(seq)
	if err != nil {
		return err
	}
	gone := slices.Clone(l.segments[keep:])
	old := l.file
	l.prev = link
	if err := l.begin(seq+1, l.generation+1, 0); err != nil {
		return err
	}
	l.last = seq
	l.pending.reset(seq + 1)
	err = old.Close()
	for _, s := range gone {
		if s.first != seq+1 { // that one was replaced
			err = errors.Join(err, l.fs.Remove(l.path(s.first, segmentSuffix)))
		}
	}
	if err != nil {
		return l.fail(fmt.Errorf("journal %s: clearing what was cut: %w; open it again", l.dir, err))
	}
	return nil
}

// linkAt returns how many segments hold records up to a sequence number, and
// the link of the batch that holds it.
func (l *Log) linkAt(seq uint64) (keep int, link uint32, err error) {
	for keep < len(l.segments) && l.segments[keep].first <= seq {
		keep++
	}
	if keep == 0 {
		return 0, l.segments[0].header.prev, nil
	}
	first := l.segments[keep-1].first
	s, _, err := openSegment(l.fs, l.path(first, segmentSuffix), first, l.opt.Identity)
	if err != nil {
		return 0, 0, err
	}
	for err == nil && s.last < seq {
		_, _, err = s.batch()
	}
	if err == io.EOF {
		err = s.damage("it ends after record %d, before record %d", s.last, seq)
	}
	return keep, s.prev, errors.Join(err, s.file.Close())
}
