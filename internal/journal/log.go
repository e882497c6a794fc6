package journal

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
)

var (
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("journal: closed")
	// ErrCompacted says that a record went into a snapshot and is no longer
	// there by itself.
	ErrCompacted = errors.New("journal: the record is part of a snapshot")
	// ErrCut says that what a reader has read may have been cut off.
	ErrCut = errors.New("journal: records were cut off: read again from one that is known")
)

// Log is a journal for one caller at a time, who says when to write and when
// to sync: no goroutine, no clock and, but for the salts of its files, no
// chance. [Journal] shares one between goroutines.
type Log struct {
	fs      FS
	dir     string
	opt     Options
	lock    io.Closer
	pending batch  // what Append has added since the last Write
	last    uint64 // sequence number of the last record that was added

	// The segment that is being written.
	place
	file File
	size int64
	slot int    // the hint to be overwritten next
	sown uint64 // batches since the last hint

	// mu guards what follows, for snapshots and readers beside the writer.
	mu         sync.Mutex
	segments   []segment // in order; the last one is being written
	generation uint32
	through    uint64 // of the snapshot; 0: none
	written    uint64 // sequence number of the last record in the file
	durable    uint64 // sequence number of the last record that is durable
	end        int64  // of what is durable in the last segment
	spare      *staged
	stagings   int // files staged so far
	stats      Stats
	failed     error // of the first write or sync that failed: for good
}

// segment is one file of a log.
type segment struct {
	first      uint64
	generation uint32
	header     header
}

// batch is what one write puts into the file.
type batch struct {
	first uint64
	count int
	body  []byte // with room for the header
}

func (b *batch) reset(first uint64) {
	b.first, b.count, b.body = first, 0, append(b.body[:0], zeroSector[:align]...)
}

func (b *batch) add(records [][]byte) {
	for _, r := range records {
		b.body = appendRecord(b.body, r)
	}
	b.count += len(records)
}

// Append adds copies of records to those that the next Write writes, and
// returns the sequence number of the last one.
func (l *Log) Append(records ...[]byte) (uint64, error) {
	size, err := l.opt.checkRecords(records)
	if err == nil && len(l.pending.body)+size > maxBatch {
		err = fmt.Errorf("journal: more than %d bytes between two writes", maxBatch)
	}
	if err = errors.Join(l.broken(), err); err != nil {
		return 0, err
	}
	l.pending.add(records)
	l.last += uint64(len(records))
	return l.last, nil
}

// Flush makes durable what was appended.
func (l *Log) Flush() error {
	if err := l.Write(); err != nil {
		return err
	}
	return l.Sync()
}

// Write writes what was appended, as one batch: after a crash all of it is
// replayed or none. What the Write before has written must be durable.
func (l *Log) Write() error {
	if l.pending.count == 0 {
		return l.broken()
	}
	err := l.put(&l.pending)
	l.pending.reset(l.last + 1)
	return err
}

// Sync makes durable what was written.
func (l *Log) Sync() error {
	if err := l.broken(); err != nil || l.written == l.durable {
		return err
	}
	return l.Synced(l.file.Sync())
}

// Synced is for a host whose syncs end later than they are called, as those of
// the simulator: in place of Sync it has its file system sync and hands over,
// once it is known, what came of that.
func (l *Log) Synced(err error) error {
	if err != nil {
		return l.fail(fmt.Errorf("journal %s: %w; what was not acknowledged may be lost: open it again", l.dir, err))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.durable, l.end = l.written, l.offset
	l.stats.Syncs++
	return nil
}

// Last is the sequence number of the last record that was appended; 0: none.
func (l *Log) Last() uint64 { return l.last }

// Durable is the sequence number of the last record that is durable; 0: none.
func (l *Log) Durable() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.durable
}

// hintEvery is how many batches there are between two hints: few enough to
// bound what can be lost unseen, enough to cost nothing.
const hintEvery = 64

// put writes a batch to the end of the file.
func (l *Log) put(b *batch) error {
	if err := l.broken(); err != nil {
		return err
	}
	if l.written != l.durable {
		return l.fail(errors.New("journal: a batch is written before the one before it is durable"))
	}
	if err := l.room(padded(int64(len(b.body)))); err != nil {
		return err
	}
	if l.sown++; l.sown >= hintEvery {
		if err := l.sow(hint{durable: l.durable}); err != nil {
			return err
		}
	}
	at := l.offset
	b.body = l.seal(b.body, kindRecords, b.first, b.count)
	if err := writeAt(l.file, b.body, at); err != nil {
		return l.fail(fmt.Errorf("journal %s: %w; make room if it is full, and open it again", l.dir, err))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.written = b.first + uint64(b.count) - 1
	l.stats.batch(b)
	return nil
}

// sow writes a hint. It becomes durable with the next sync.
func (l *Log) sow(h hint) error {
	l.sown = 0
	if err := writeAt(l.file, h.bytes(l.salt, l.slot), hintOffset(l.slot)); err != nil {
		return l.fail(fmt.Errorf("journal %s: %w", l.dir, err))
	}
	l.slot = 1 - l.slot
	return nil
}

// fail stops the log for good. After a failed write or sync nobody knows what
// of it is on the disk; only reading it back after all is closed can tell.
func (l *Log) fail(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed == nil {
		l.failed = err
	}
	return l.failed
}

// broken says why the log has stopped; nil if it has not.
func (l *Log) broken() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed
}

// Close makes everything durable that was appended, notes that the journal was
// closed in order, and closes it.
func (l *Log) Close() error {
	if l.broken() == ErrClosed {
		return ErrClosed
	}
	err := l.Flush()
	if err == nil {
		err = l.sow(hint{durable: l.durable, clean: true})
	}
	if err == nil {
		err = l.file.Sync()
	}
	l.mu.Lock()
	spare := l.spare
	l.spare, l.failed = nil, ErrClosed
	l.mu.Unlock()
	if spare != nil {
		err = errors.Join(err, spare.discard(l.fs))
	}
	return errors.Join(err, l.file.Close(), l.lock.Close())
}

func (l *Log) path(seq uint64, suffix string) string {
	return filepath.Join(l.dir, fileName(seq, suffix))
}

func newSalt() uint32 {
	var b [4]byte
	rand.Read(b[:]) // never fails
	return binary.LittleEndian.Uint32(b[:])
}
