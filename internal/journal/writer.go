package journal

import (
	"cmp"
	"fmt"
)

// write is the writer: one goroutine, the only one that touches the file.
func (j *Journal) write() {
	defer close(j.done)
	var spare []byte
	for {
		select {
		case <-j.wake:
			spare = j.commit(spare)
		case ask := <-j.asks:
			spare = j.commit(spare)
			ask.done <- j.replace(ask)
		case <-j.quit:
			j.commit(spare)
			return
		}
	}
}

// commit writes and syncs the pending batch, and tells those who wait. It
// returns a buffer to use again.
func (j *Journal) commit(spare []byte) []byte {
	j.mu.Lock()
	b, failed := j.pending, j.failed
	if b.count == 0 {
		j.mu.Unlock()
		return spare
	}
	j.pending = newBatch(j.next, spare)
	j.mu.Unlock()

	if b.err = failed; b.err == nil {
		b.err = j.put(b)
	}
	if b.err != nil {
		j.fail(b.err)
	}
	close(b.done)
	return b.body
}

func (j *Journal) put(b *batch) error {
	b.body = seal(b.body, kindRecords, b.first, b.count, j.offset, j.salt)
	_, err := j.file.WriteAt(b.body, j.offset)
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("journal %s: %w; what was not acknowledged may be lost: open it again", j.path, err)
	}
	j.offset += int64(len(b.body))
	return nil
}

// fail stops the journal for good.
func (j *Journal) fail(err error) {
	j.mu.Lock()
	j.failed = cmp.Or(j.failed, err)
	j.mu.Unlock()
}
