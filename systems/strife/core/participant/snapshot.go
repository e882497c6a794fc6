package participant

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"time"

	"dyno/systems/strife/core/money"
	"dyno/systems/strife/core/tx"
)

// header begins a snapshot.
const header = "strife participant 1\n"

// Snapshot implements [node.Snapshotter].
func (p *Participant) Snapshot() []byte {
	var b bytes.Buffer
	_ = p.Freeze()(&b) // a buffer takes all
	return b.Bytes()
}

// Flush implements [node.Flusher].
func (p *Participant) Flush(time.Duration) (e Effects) {
	p.flush(&e)
	return e
}

// Freeze implements [node.Freezer]: it copies what changes, and leaves the rest
// of the work to what it returns.
func (p *Participant) Freeze() func(io.Writer) error {
	accounts := slices.Clone(p.accounts.all)
	b := p.finished.low.Append([]byte(header))
	b = binary.AppendUvarint(b, uint64(len(p.doubts)))
	for _, d := range p.inDoubt() {
		b = tx.AppendText(b, string(p.appendDoubt(nil, d)))
	}
	b = binary.AppendUvarint(b, uint64(len(p.resolved)))
	for _, id := range slices.SortedFunc(maps.Keys(p.resolved), tx.ID.Compare) {
		b = append(id.Append(b), flag(p.resolved[id]))
	}
	b = binary.AppendUvarint(b, uint64(p.damage))
	b = binary.AppendUvarint(b, uint64(len(p.finished.pages)))
	for _, key := range p.finished.keys() {
		b = tx.ID{Gateway: key.gateway, Epoch: key.epoch, Number: key.number}.Append(b)
		b = append(b, p.finished.pages[key][:]...)
	}
	b = binary.AppendUvarint(b, uint64(len(accounts)))
	return func(w io.Writer) error {
		for i := range accounts {
			if len(b) > 64<<10 {
				if _, err := w.Write(b); err != nil {
					return err
				}
				b = b[:0]
			}
			b = accounts[i].append(b)
		}
		_, err := w.Write(b)
		return err
	}
}

// append adds an account. The two zeros stand for what earlier versions could say of
// it: that it is closed, which none ever was, and how many postings follow.
func (a *account) append(b []byte) []byte {
	b = tx.AppendText(tx.AppendText(b, a.name), a.owner)
	b = append(append(b, a.currency[:]...), 0)
	b = binary.AppendVarint(binary.AppendVarint(binary.AppendVarint(b, a.opening), a.posted), a.limit)
	return append(b, 0)
}

// Restore implements [node.Snapshotter].
func (p *Participant) Restore(_ uint64, snapshot []byte) error {
	b, ok := bytes.CutPrefix(snapshot, []byte(header))
	if !ok {
		return fmt.Errorf("participant: a snapshot does not begin with %q", header)
	}
	r := tx.NewReader(b)
	low := r.ID()
	doubts := make([][]byte, r.Uint(uint64(r.Left())))
	for i := range doubts {
		doubts[i] = r.Text()
	}
	for range r.Uint(uint64(r.Left())) {
		p.resolved[r.ID()] = r.Byte() == 1
	}
	p.damage = int(r.Uint(math.MaxInt32))
	for range r.Uint(uint64(r.Left())) {
		key := r.ID()
		x := &page{}
		copy(x[:], r.Bytes(len(x)))
		p.finished.pages[pageKey{key.Gateway, key.Epoch, key.Number}] = x
	}
	for range r.Uint(uint64(r.Left())) {
		p.accounts.add(readAccount(r))
	}
	if err := r.Done(); err != nil {
		return fmt.Errorf("participant: a snapshot is not as it was written: %w", err)
	}
	p.finished.low = low
	for _, d := range doubts {
		if err := p.recoverPrepared(tx.NewReader(d)); err != nil {
			return err
		}
	}
	return nil
}

func readAccount(r *tx.Reader) account {
	a := account{name: string(r.Text()), owner: string(r.Text())}
	copy(a.currency[:], r.Bytes(len(money.Currency{})))
	r.Uint(0) // not closed
	a.opening, a.posted, a.limit = r.Int(), r.Int(), r.Int()
	for range r.Uint(32) { // postings of an earlier version
		r.ID()
		r.Int()
		r.Int()
		r.Text()
	}
	return a
}

// Kind says what happened in an [Event].
type Kind uint8

// The kinds of events.
const (
	AccountOpened Kind = iota + 1
	_
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
			e.Commit = r.Byte() == 1
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
