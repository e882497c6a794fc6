package coordinator

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"dyno/systems/strife/core/tx"
)

// header begins a snapshot.
const header = "strife coordinator 1\n"

// Snapshot implements [node.Snapshotter].
func (c *Coordinator) Snapshot() []byte {
	var b bytes.Buffer
	_ = c.Freeze()(&b) // a buffer takes all
	return b.Bytes()
}

// Flush implements [node.Flusher].
func (c *Coordinator) Flush(now time.Duration) (e Effects) {
	c.now = now
	c.writeEnds(&e)
	return e
}

// Freeze implements [node.Freezer]: chunks of receipts are never changed.
func (c *Coordinator) Freeze() func(io.Writer) error {
	var e Effects // of names, which are all known
	var head, tail []byte
	record := func(b, r []byte) []byte { return append(binary.AppendUvarint(b, uint64(len(r))), r...) }
	r := binary.AppendUvarint([]byte{kindEpoch}, uint64(c.epoch))
	head = record(append(head, header...), binary.AppendUvarint(r, uint64(c.ageAt(c.now)/time.Second)))
	for _, name := range c.names.all {
		head = record(head, tx.AppendText([]byte{kindName}, name))
	}
	tail = append(tail, 0)
	for _, id := range c.committed() {
		a := c.open[id]
		if a.record != nil { // the life has not begun
			c.reread(a)
		}
		paid := Receipt{Key: a.by.key, Status: Paid, Tx: id, Payment: a.payment}
		tail = record(tail, c.encode(uint64(c.names.index[a.by.user]), c.ageAt(c.now), paid, &e))
	}
	chunks := slices.Clone(c.table.chunks)
	return func(w io.Writer) error {
		if _, err := w.Write(head); err != nil {
			return err
		}
		for _, chunk := range chunks {
			for data := chunk.data; len(data) > 0; {
				_, entry := readEntry(data)
				b := record(make([]byte, 0, 4+len(entry)), entry)
				data = data[4+len(b):]
				if _, err := w.Write(b); err != nil {
					return err
				}
			}
		}
		_, err := w.Write(tail)
		return err
	}
}

// committed are the attempts that not all banks have acknowledged, in order.
func (c *Coordinator) committed() (ids []tx.ID) {
	for id, a := range c.open {
		if a.committed {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, tx.ID.Compare)
	return ids
}

// Restore implements [node.Snapshotter].
func (c *Coordinator) Restore(_ uint64, snapshot []byte) error {
	b, ok := bytes.CutPrefix(snapshot, []byte(header))
	if !ok {
		return fmt.Errorf("coordinator: a snapshot does not begin with %q", header)
	}
	open := false
	for r := tx.NewReader(b); r.More(); {
		record := r.Text()
		if err := r.Err(); err != nil {
			return fmt.Errorf("coordinator: a snapshot is not as it was written: %w", err)
		}
		if len(record) == 0 && !open {
			open = true
			continue
		}
		if err := c.restore(record, open); err != nil {
			return err
		}
	}
	return nil
}

// restore takes in one record of a snapshot: receipts are over, but for those
// behind the mark.
func (c *Coordinator) restore(record []byte, open bool) error {
	if len(record) == 0 || statusOf[record[0]] == Pending {
		return errors.Join(c.Recover(record), onlyReceipts(open))
	}
	s, err := parseStored(record, len(c.names.all))
	switch {
	case err != nil:
		return err
	case open:
		c.reopen(s, bytes.Clone(record))
	default:
		c.age = max(c.age, s.age)
		c.table.add(&c.names, s.user, s.key, s.age, record)
	}
	return nil
}

func onlyReceipts(open bool) error {
	if open {
		return fmt.Errorf("%w: only receipts follow the mark of a snapshot", errRecord)
	}
	return nil
}
