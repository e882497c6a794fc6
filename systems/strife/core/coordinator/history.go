package coordinator

import (
	"math"

	"dyno/systems/strife/core/tx"
)

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
