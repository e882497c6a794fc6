package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// cursor reads records in order, beside the writer.
type cursor struct {
	log        *Log
	generation uint32
	next       uint64 // sequence number of the record to be read
	scan       *scanner
	last       uint64 // sequence number of the last record in the segment: a cut may be within a batch
	frame      frame
	body       []byte // of the frame, from its first record on
}

// Read calls do for every durable record from sequence number from on. It may
// be called beside the other methods.
func (l *Log) Read(from uint64, do func(Entry) error) error {
	c := l.cursor(from)
	for {
		e, err := c.read()
		if err == io.EOF {
			return c.close()
		}
		if err == nil {
			err = do(e)
		}
		if err != nil {
			return errors.Join(err, c.close())
		}
	}
}

func (l *Log) cursor(from uint64) *cursor {
	l.mu.Lock()
	defer l.mu.Unlock()
	return &cursor{log: l, generation: l.generation, next: max(from, 1)}
}

func (c *cursor) close() error {
	s := c.scan
	if c.scan = nil; s != nil {
		return s.file.Close()
	}
	return nil
}

// read returns the next record, valid until the next call; io.EOF if it is not
// durable yet.
func (c *cursor) read() (Entry, error) {
	for c.body == nil || c.next > min(c.frame.last(), c.last) {
		if err := c.batch(); err != nil {
			return Entry{}, err
		}
	}
	for {
		record, rest, ok := cutRecord(c.body)
		if !ok {
			return Entry{}, fmt.Errorf("journal: the batch from record %d holds fewer than its %d records", c.frame.first, c.frame.count)
		}
		seq := c.frame.first
		c.body = rest
		c.frame.first++
		c.frame.count--
		if seq == c.next {
			c.next++
			return Entry{Sequence: seq, Data: record}, nil
		}
	}
}

// view is what a cursor may read now.
type view struct {
	segment segment // that holds the next record
	end     int64   // of what is durable in it
	last    uint64  // sequence number of the last record in it, or more
}

// look finds the segment with the next record.
func (c *cursor) look() (view, error) {
	l := c.log
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case c.generation != l.generation:
		return view{}, ErrCut
	case c.next > l.durable:
		return view{}, io.EOF
	case l.segments[0].first > c.next:
		return view{}, fmt.Errorf("%w: record %d; the first that is there is %d", ErrCompacted, c.next, l.segments[0].first)
	}
	i := len(l.segments) - 1
	v := view{segment: l.segments[i], end: l.end, last: l.durable}
	for ; l.segments[i].first > c.next; i-- {
		s := l.segments[i-1]
		v = view{segment: s, end: s.header.size, last: l.segments[i].first - 1}
	}
	return v, nil
}

// batch reads on to the batch with the next record.
func (c *cursor) batch() error {
	v, err := c.look()
	if err != nil {
		return err
	}
	if c.scan == nil || c.scan.salt != v.segment.header.salt {
		if err := c.enter(v.segment); err != nil {
			return err
		}
	}
	c.scan.size, c.last = v.end, v.last
	for c.scan.last < c.next {
		c.frame, c.body, err = c.scan.batch()
		if err == io.EOF {
			return c.scan.damage("it ends after record %d, before record %d", c.scan.last, c.next)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// enter opens the segment that the cursor goes on in.
func (c *cursor) enter(s segment) error {
	if err := c.close(); err != nil {
		return err
	}
	var err error
	c.scan, _, err = openSegment(c.log.fs, c.log.path(s.first, segmentSuffix), s.first, c.log.opt.Identity)
	if errors.Is(err, fs.ErrNotExist) { // a snapshot or a cut has come between
		if _, now := c.look(); now != nil {
			return now
		}
	}
	return err
}

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
