package participant

import (
	"dyno/systems/strife/core/tx"
)

// Kind says what happened in an [Event].
type Kind uint8

// The kinds of events.
const (
	AccountOpened Kind = iota + 1
	AccountClosed
	LegsPrepared
	TxCommitted
	TxAborted
	TxRefused
	TxResolved
)

// Event is what a record says.
type Event struct {
	Kind    Kind
	Tx      tx.ID
	Commit  bool     // of TxCommitted and TxResolved
	Legs    []tx.Leg // of what was prepared, also when it ends
	Account Balance  // of AccountOpened
	By      string   // of TxResolved
}

// History reads a participant's journal for those who judge it.
type History struct{ p *Participant }

// NewHistory reads the journal of a bank from its begin.
func NewHistory(bank string) *History { return &History{New(Config{Bank: bank})} }

// Record reads the next record.
func (h *History) Record(record []byte) (Event, error) {
	e := Event{}
	r := tx.NewReader(record)
	if e.Kind = Kind(r.Byte()); e.Kind >= LegsPrepared && e.Kind <= TxResolved {
		e.Tx = r.ID()
		e.Commit = e.Kind == TxCommitted
		if e.Kind == TxResolved {
			e.Commit, e.By = r.Byte() == 1, string(r.Text())
		}
		if d := h.p.doubts[e.Tx]; d != nil {
			e.Legs = h.p.legs(d)
		}
	}
	if err := h.p.Recover(record); err != nil {
		return Event{}, err
	}
	switch e.Kind {
	case AccountOpened:
		e.Account = h.p.accounts.all[len(h.p.accounts.all)-1].balance(0)
	case LegsPrepared:
		e.Legs = h.p.legs(h.p.doubts[e.Tx])
	}
	return e, nil
}

// Restore reads a snapshot.
func (h *History) Restore(records uint64, snapshot []byte) error {
	return h.p.Restore(records, snapshot)
}

// Accounts returns what every account has, and Doubts what is in doubt, after
// what was read.
func (h *History) Accounts() []Balance { return h.p.Accounts() }

// Doubts returns what is in doubt.
func (h *History) Doubts() []Doubt { return h.p.Doubts() }

// State is a digest of all that was read: equal for equal journals.
func (h *History) State() []byte { return h.p.Snapshot() }
