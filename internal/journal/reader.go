package journal

import (
	"context"
	"io"
)

// Reader follows a journal: it reads what is durable, in order, and waits for
// more. It is for one goroutine.
type Reader struct {
	journal *Journal
	cursor  *cursor
}

// Follow returns a reader that begins with the record of sequence number from,
// which need not be there yet. To be closed.
func (j *Journal) Follow(from uint64) *Reader { return &Reader{j, j.log.cursor(from)} }

// Next returns the next record, valid until the next call; it waits until that
// is durable. The error is [ErrCompacted] if it went into a snapshot before it
// was read, and [ErrCut] if records were cut off since the reader was made.
func (r *Reader) Next(ctx context.Context) (Entry, error) {
	for {
		e, err := r.cursor.read()
		if err != io.EOF {
			return e, err
		}
		changed, stopped := r.journal.watch()
		if e, err = r.cursor.read(); err != io.EOF {
			return e, err
		}
		if stopped != nil {
			return Entry{}, stopped
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Entry{}, ctx.Err()
		}
	}
}

// watch returns when to look again, and why nothing more will become durable;
// nil if it may.
func (j *Journal) watch() (changed <-chan struct{}, stopped error) {
	_, changed = j.Durable()
	j.mu.Lock()
	defer j.mu.Unlock()
	return changed, j.over
}

// Close ends the reader.
func (r *Reader) Close() error { return r.cursor.close() }
