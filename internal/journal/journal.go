package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
)

// Options are the settings of a journal. The zero value is ready to use.
type Options struct {
	// Identity names what the journal belongs to, for example "mapreduce job
	// 7f3a"; at most 1024 bytes. Opening it under another identity is an error.
	Identity string
	// MaxRecord bounds a record, in bytes; 0 means 16 MiB.
	MaxRecord int
	// MaxPending bounds what waits to be written, in bytes; when it is reached,
	// Append waits. 0 means 8 MiB.
	MaxPending int
}

const (
	defaultMaxRecord  = 16 << 20
	defaultMaxPending = 8 << 20
	maxBatch          = 1 << 30
)

// ErrClosed is returned after Close.
var ErrClosed = errors.New("journal: closed")

// Journal is an open journal. It is safe for concurrent use.
type Journal struct {
	path string
	opt  Options

	mu      sync.Mutex
	pending *batch
	next    uint64 // sequence number of the next record
	failed  error  // of the first write or sync that failed: for good
	closed  bool
	wake    chan struct{}
	asks    chan *snapshot
	quit    chan struct{}
	done    chan struct{} // the writer has ended

	// What follows belongs to the writer.
	file   file
	salt   uint32
	offset int64
}

// batch is what waits for one sync.
type batch struct {
	first  uint64
	count  int
	body   []byte // with room for the header
	forced bool   // someone waits for it
	done   chan struct{}
	err    error // once done is closed
}

func newBatch(first uint64, body []byte) *batch {
	return &batch{first: first, body: append(body[:0], zeroSector[:align]...), done: make(chan struct{})}
}

// Open opens the journal at path, or creates an empty one, and replays it: the
// snapshot, if there is one, then each record after it, in order. A torn last
// batch is cut off and reported; damage is a [DamageError]; an error of replay
// ends Open with it. Only one process at a time can have a journal open.
func Open(path string, opt Options, replay func(Entry) error) (*Journal, Recovery, error) {
	if len(opt.Identity) > maxIdentity {
		return nil, Recovery{}, fmt.Errorf("journal: identity of %d bytes, at most %d", len(opt.Identity), maxIdentity)
	}
	f, err := openFile(path)
	created := errors.Is(err, os.ErrNotExist)
	if created {
		f, err = createFile(path, opt.Identity)
	}
	if err != nil {
		return nil, Recovery{}, err
	}
	j := &Journal{path: path, opt: opt, file: f}
	r, err := j.recover(f, replay)
	if err != nil {
		f.Close()
		return nil, r, err
	}
	r.Created = created
	j.start(r.Last)
	return j, r, nil
}

// recover replays the file and cuts a torn tail off.
func (j *Journal) recover(f *os.File, replay func(Entry) error) (Recovery, error) {
	info, err := f.Stat()
	if err != nil {
		return Recovery{}, err
	}
	s := &scanner{path: j.path, file: f, size: info.Size()}
	if s.salt, s.offset, err = readPreamble(j.path, f, j.opt.Identity); err != nil {
		return Recovery{}, err
	}
	r, err := s.entries(replay)
	if err != nil {
		return r, err
	}
	j.salt, j.offset = s.salt, s.offset
	if r.Cut > 0 {
		if err := errors.Join(f.Truncate(s.offset), f.Sync()); err != nil {
			return r, fmt.Errorf("journal %s: cutting a torn tail: %w", j.path, err)
		}
	}
	return r, nil
}

func (j *Journal) start(last uint64) {
	if j.opt.MaxRecord == 0 {
		j.opt.MaxRecord = defaultMaxRecord
	}
	if j.opt.MaxPending == 0 {
		j.opt.MaxPending = defaultMaxPending
	}
	j.next = last + 1
	j.pending = newBatch(j.next, nil)
	j.wake = make(chan struct{}, 1)
	j.asks = make(chan *snapshot)
	j.quit = make(chan struct{})
	j.done = make(chan struct{})
	go j.write()
}

// Append adds records and returns once they are on stable storage, with the
// sequence number of the last one. They share one batch: after a crash all of
// them are replayed or none. When it returns an error, they may be there or
// not after the journal is opened again; a context that ends first leaves them
// on their way.
func (j *Journal) Append(ctx context.Context, records ...[]byte) (uint64, error) {
	b, last, err := j.enqueue(ctx, true, records)
	if err != nil {
		return 0, err
	}
	select {
	case <-b.done:
		return last, b.err
	case <-ctx.Done():
		return last, fmt.Errorf("journal: record %d is on its way, not known to be durable: %w", last, ctx.Err())
	}
}

// Enqueue adds records without waiting: they become durable with the next
// Append, Snapshot or Close, never out of order. It is for what may be
// forgotten in a crash, such as the begin of a transaction under presumed abort.
func (j *Journal) Enqueue(ctx context.Context, records ...[]byte) (uint64, error) {
	_, last, err := j.enqueue(ctx, false, records)
	return last, err
}

func (j *Journal) enqueue(ctx context.Context, forced bool, records [][]byte) (*batch, uint64, error) {
	size := 0
	for _, r := range records {
		if len(r) > j.opt.MaxRecord {
			return nil, 0, fmt.Errorf("journal: record of %d bytes, at most %d", len(r), j.opt.MaxRecord)
		}
		size += len(r)
	}
	if len(records) == 0 || size > maxBatch {
		return nil, 0, fmt.Errorf("journal: %d records of %d bytes at once", len(records), size)
	}
	for {
		b, last, full, err := j.add(forced, size, records)
		if full == nil {
			return b, last, err
		}
		select {
		case <-full.done:
		case <-ctx.Done():
			return nil, 0, fmt.Errorf("journal: the disk is behind: %w", ctx.Err())
		}
	}
}

// add puts records into the pending batch; if that is full, it returns it and
// does nothing.
func (j *Journal) add(forced bool, size int, records [][]byte) (b *batch, last uint64, full *batch, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.unusable(); err != nil {
		return nil, 0, nil, err
	}
	b = j.pending
	if b.count > 0 && len(b.body)+size > j.opt.MaxPending {
		j.force(b)
		return nil, 0, b, nil
	}
	for _, r := range records {
		b.body = appendRecord(b.body, r)
	}
	b.count += len(records)
	j.next += uint64(len(records))
	if forced {
		j.force(b)
	}
	return b, j.next - 1, nil, nil
}

// force has the writer take the batch; mu is held.
func (j *Journal) force(b *batch) {
	b.forced = true
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// Close makes everything durable that was added, and closes the file. Later
// calls of any method return [ErrClosed].
func (j *Journal) Close() error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return ErrClosed
	}
	j.closed = true
	close(j.quit)
	j.mu.Unlock()
	<-j.done
	return errors.Join(j.failed, j.file.Close())
}

// unusable says why nothing can be added any more; mu is held.
func (j *Journal) unusable() error {
	if j.closed {
		return ErrClosed
	}
	return j.failed
}
