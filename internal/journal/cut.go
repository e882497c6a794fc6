package journal

import (
	"errors"
	"fmt"
	"io"
	"slices"
)

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
