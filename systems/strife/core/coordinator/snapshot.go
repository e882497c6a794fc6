package coordinator

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
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

// Event is what a record, or a receipt in a snapshot, says: one of its fields is
// set.
type Event struct {
	Epoch uint32 // a life began
	User  string // whose Receipt was stored
	Receipt
	Ended []tx.ID // commits that all banks had acknowledged
}

// History reads a coordinator's journal for those who judge it.
type History struct{ c *Coordinator }

// NewHistory reads the journal of a gateway with a number, from its begin.
func NewHistory(gateway uint32) *History { return &History{New(Config{Gateway: gateway})} }

// Record reads the next record. It may say nothing.
func (h *History) Record(record []byte) (Event, error) {
	if err := h.c.Recover(record); err != nil {
		return Event{}, err
	}
	switch r := tx.NewReader(record[1:]); record[0] {
	case kindEpoch:
		return Event{Epoch: h.c.epoch}, nil
	case kindEnds:
		var e Event
		for epoch := uint32(r.Uint(math.MaxUint32)); r.More(); {
			e.Ended = append(e.Ended, tx.ID{Gateway: h.c.config.Gateway, Epoch: epoch, Number: r.Uint(math.MaxUint64)})
		}
		return e, nil
	case kindName:
		return Event{}, nil
	}
	return h.receipt(record)
}

func (h *History) receipt(record []byte) (Event, error) {
	s, err := parseStored(record, len(h.c.names.all))
	if err != nil {
		return Event{}, err
	}
	return Event{User: h.c.names.all[s.user], Receipt: h.c.receipt(s)}, nil
}

// Restore reads a snapshot: the receipts in it, and which commits are over.
func (h *History) Restore(records uint64, snapshot []byte) (out []Event, err error) {
	if err := h.c.Restore(records, snapshot); err != nil {
		return nil, err
	}
	over := Event{}
	for _, chunk := range h.c.table.chunks {
		for data := chunk.data; len(data) > 0; {
			_, record := readEntry(data)
			data = data[entrySize(record):]
			e, err := h.receipt(record)
			if err != nil {
				return nil, err
			}
			if out = append(out, e); e.Status == Paid && h.c.open[e.Tx] == nil {
				over.Ended = append(over.Ended, e.Tx)
			}
		}
	}
	return append(out, Event{Epoch: h.c.epoch}, over), nil
}

// State is a digest of all that was read: equal for equal journals.
func (h *History) State() []byte { return h.c.Snapshot() }
