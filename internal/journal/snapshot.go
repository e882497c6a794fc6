package journal

import (
	"context"
	"errors"
	"fmt"
)

// snapshot is a request to the writer.
type snapshot struct {
	through uint64
	state   []byte
	done    chan error // room for one
}

// Snapshot replaces all records up to and including sequence number through by
// state, which must be what they add up to; later ones stay. It returns once
// that is on stable storage. A crash at any moment leaves either the old file
// or the new one, both complete. The records that stay are held in memory
// meanwhile, and appends wait.
func (j *Journal) Snapshot(ctx context.Context, through uint64, state []byte) error {
	j.mu.Lock()
	err, next := j.unusable(), j.next
	j.mu.Unlock()
	switch {
	case err != nil:
		return err
	case through == 0 || through >= next:
		return fmt.Errorf("journal: snapshot through record %d, of %d", through, next-1)
	case len(state) > maxBatch:
		return fmt.Errorf("journal: snapshot of %d bytes, at most %d", len(state), maxBatch)
	}
	ask := &snapshot{through: through, state: state, done: make(chan error, 1)}
	select {
	case j.asks <- ask:
		return <-ask.done
	case <-j.done:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// replace writes the file anew.
func (j *Journal) replace(ask *snapshot) error {
	salt := newSalt()
	content := preamble(j.opt.Identity, salt)
	head := append(newBatch(0, nil).body, ask.state...)
	content = append(content, seal(head, kindSnapshot, ask.through, 1, int64(len(content)), salt)...)
	tail, err := j.after(ask.through)
	if err != nil {
		return err
	}
	if tail.count > 0 {
		content = append(content, seal(tail.body, kindRecords, tail.first, tail.count, int64(len(content)), salt)...)
	}
	f, err := stage(j.path, content)
	if err != nil {
		return err // the old file stands
	}
	if err := publish(f, j.path); err != nil {
		err = errors.Join(fmt.Errorf("journal %s: %w; which of two files is in place is not known: open it again", j.path, err), f.Close())
		j.fail(err)
		return err
	}
	old := j.file
	j.file, j.salt, j.offset = f, salt, int64(len(content))
	return old.Close()
}

// after reads the records behind a sequence number.
func (j *Journal) after(through uint64) (*batch, error) {
	_, start, err := readPreamble(j.path, j.file, j.opt.Identity)
	if err != nil {
		return nil, err
	}
	tail := newBatch(through+1, nil)
	s := &scanner{path: j.path, file: j.file, size: j.offset, salt: j.salt, offset: start}
	r, err := s.entries(func(e Entry) error {
		if e.Snapshot && e.Sequence > through {
			return fmt.Errorf("journal: snapshot through record %d, but there is one through %d", through, e.Sequence)
		}
		if !e.Snapshot && e.Sequence > through {
			tail.body = appendRecord(tail.body, e.Data)
			tail.count++
		}
		return nil
	})
	if err == nil && r.Cut > 0 {
		err = fmt.Errorf("journal %s: %d bytes at the end do not read back", j.path, r.Cut)
	}
	return tail, err
}
