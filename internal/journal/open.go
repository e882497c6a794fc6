package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path/filepath"
)

// Entry is what is replayed and read: the snapshot first, if there is one,
// then every record after it.
type Entry struct {
	Sequence uint64    // from 1, without gaps; of a snapshot, that of the last record in it
	Snapshot io.Reader // the state, of a snapshot; nil for a record; valid during the call only
	Data     []byte    // of a record; valid during the call, or until the next one is read
}

// Recovery says what was found.
type Recovery struct {
	Created  bool   // there was no journal before
	Clean    bool   // nothing was written since it was closed in order
	Snapshot bool   // replay began with a snapshot
	Records  int    // replayed
	Batches  int    // in which they lie, each made durable by one sync
	Last     uint64 // sequence number of the last record or snapshot; 0: none
	Cut      int64  // bytes of a torn, never acknowledged batch at the end, which is cut off
	Segments int    // files of records that are in use
	Stale    int    // files that an interrupted change has left, which are removed
}

// OpenLog opens the journal in the folder dir, or creates an empty one, and
// replays it. A torn last batch is cut off and reported; damage is a
// [DamageError]; an error of replay ends it. Only one opener at a time has a
// journal.
func OpenLog(dir string, opt Options, replay func(Entry) error) (*Log, Recovery, error) {
	if err := opt.check(); err != nil {
		return nil, Recovery{}, err
	}
	l := &Log{fs: opt.FS, dir: dir, opt: opt}
	if err := l.fs.Mkdir(dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, Recovery{}, fmt.Errorf("journal: %w", err)
	}
	var err error
	if l.lock, err = l.fs.Lock(dir); err != nil {
		return nil, Recovery{}, fmt.Errorf("journal %s: %w", dir, err)
	}
	r, err := l.recover(replay)
	if err != nil {
		if l.file != nil {
			err = errors.Join(err, l.file.Close())
		}
		return nil, r, errors.Join(err, l.lock.Close())
	}
	l.pending.reset(l.last + 1)
	return l, r, nil
}

// Scan reads a journal as [OpenLog] does, and changes nothing: it locks,
// clears and cuts nothing, and reports what would be cut. Of a journal that is
// in use it may see the last batch half written, and it may miss a file that a
// snapshot has just replaced: scan again then.
func Scan(dir string, opt Options, do func(Entry) error) (Recovery, error) {
	if err := opt.check(); err != nil {
		return Recovery{}, err
	}
	l := &Log{fs: opt.FS, dir: dir, opt: opt}
	files, err := l.inventory()
	if err != nil {
		return Recovery{}, err
	}
	if len(files.segments) == 0 {
		return Recovery{}, fmt.Errorf("journal %s: nothing was ever written: %w", dir, fs.ErrNotExist)
	}
	r, s, err := l.replay(files, do)
	if err == nil {
		err = s.file.Close()
	}
	return r, err
}

// recover replays, makes sure of what was replayed, clears what was left over,
// and makes ready for writing.
func (l *Log) recover(replay func(Entry) error) (Recovery, error) {
	files, err := l.inventory()
	if err != nil {
		return Recovery{}, err
	}
	r := Recovery{Created: len(files.segments) == 0, Stale: len(files.stale)}
	if r.Created {
		// The folder may have been made just now.
		if err := l.fs.SyncDir(filepath.Dir(l.dir)); err != nil {
			return r, fmt.Errorf("journal %s: %w", l.dir, err)
		}
		return r, errors.Join(l.clear(files), l.begin(1, 0, 0))
	}
	r, s, err := l.replay(files, replay)
	if err != nil {
		return r, err
	}
	err = l.confirm(s)
	if err = errors.Join(err, s.file.Close()); err == nil {
		err = l.clear(files)
	}
	if err == nil && r.Cut > 0 {
		old := l.file
		if err = l.begin(l.last+1, l.generation+1, 0); err == nil {
			err = old.Close()
		}
	}
	return r, err
}

// confirm opens the last segment for writing and makes durable what was
// replayed: who was killed before a sync has left the last batch, and the names
// of files, to the system's memory only, where we have just read them. It
// writes the batch once more, for after a sync that failed the system believes
// that there is nothing to be done.
func (l *Log) confirm(s *scanner) error {
	f, err := l.fs.Open(s.name, true)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	l.file = f
	if _, l.slot, err = readHints(s.name, f, l.salt); err != nil {
		return err
	}
	batch, err := s.read(s.begin, s.offset-s.begin)
	if err == nil && len(batch) > 0 {
		err = writeAt(f, batch, s.begin)
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = l.fs.SyncDir(l.dir)
	}
	if err != nil {
		return fmt.Errorf("journal %s: making sure of its end: %w", l.dir, err)
	}
	return nil
}

// clear removes what is left over. A crash that brings it back does no harm.
func (l *Log) clear(files inventory) error {
	for _, name := range files.stale {
		if err := l.fs.Remove(filepath.Join(l.dir, name)); err != nil {
			return fmt.Errorf("journal %s: clearing: %w", l.dir, err)
		}
	}
	return nil
}

// replay reads what there is, in order, and settles where the log ends. It
// returns the last segment, open.
func (l *Log) replay(files inventory, do func(Entry) error) (Recovery, *scanner, error) {
	r := Recovery{Segments: len(files.segments), Stale: len(files.stale)}
	if files.through > 0 {
		r.Snapshot = true
		if err := readSnapshot(l.fs, l.path(files.through, snapshotSuffix), files.through, l.opt.Identity, do); err != nil {
			return r, nil, err
		}
	}
	var s *scanner
	for i := range files.segments {
		if s != nil {
			s.file.Close()
		}
		var err error
		if s, err = l.replaySegment(files, i, s, &r, do); err != nil {
			return r, nil, err
		}
	}
	last := files.segments[len(files.segments)-1]
	if err := l.settle(s, files.through, &r); err != nil {
		return r, nil, errors.Join(err, s.file.Close())
	}
	l.place, l.size, l.end = s.place, last.header.size, s.offset
	l.segments, l.generation, l.through = files.segments, last.generation, files.through
	l.last, l.written, l.durable = s.last, s.last, s.last
	return r, s, nil
}

// replaySegment replays the i-th segment, which follows before.
func (l *Log) replaySegment(files inventory, i int, before *scanner, r *Recovery, do func(Entry) error) (*scanner, error) {
	seg, end := files.segments[i], uint64(math.MaxUint64)
	if i+1 < len(files.segments) {
		end = files.segments[i+1].first - 1
	}
	s, h, err := openSegment(l.fs, l.path(seg.first, segmentSuffix), seg.first, l.opt.Identity)
	if err != nil {
		return nil, err
	}
	if before != nil && h.prev != before.prev {
		err = s.damage("it does not follow the end of %s", before.name)
	}
	for err == nil && s.last < end {
		var f frame
		var body []byte
		if f, body, err = s.batch(); err != nil {
			break
		}
		if f.last() > end && files.segments[i+1].generation == seg.generation {
			err = s.damage("the batch from record %d goes beyond record %d, behind which the next segment begins", f.first, end)
			break
		}
		r.Batches++
		err = eachRecord(f, body, files.through+1, end, func(e Entry) error {
			r.Records++
			return do(e)
		})
	}
	if err == io.EOF {
		if err = nil; i+1 < len(files.segments) {
			err = s.damage("it ends after record %d, and the next segment begins behind record %d", s.last, end)
		}
	}
	if err != nil {
		return nil, errors.Join(err, s.file.Close())
	}
	return s, nil
}

// settle checks the end of the last segment against what other places know of
// it.
func (l *Log) settle(s *scanner, through uint64, r *Recovery) error {
	note, _, err := readHints(s.name, s.file, s.salt)
	switch {
	case err != nil:
		return err
	case s.last < note.durable:
		return s.damage("it ends after record %d, and a note says that record %d was durable", s.last, note.durable)
	case s.last < through:
		return s.damage("it ends after record %d, and there is a snapshot through record %d", s.last, through)
	case note.continued:
		return s.damage("a note says that another segment follows, and there is none")
	}
	r.Last, r.Cut = s.last, s.torn
	r.Clean = note.clean && note.durable == s.last && s.torn == 0
	return nil
}
