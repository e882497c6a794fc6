package participant

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"dyno/systems/strife/core/money"
	"dyno/systems/strife/core/tx"
)

// The kinds of records.
const (
	kindOpened = iota + 1
	_          // of an account that was closed, which nobody could ask for
	kindPrepared
	kindCommitted
	kindAborted
	kindRefused
	kindResolved
)

var errRecord = errors.New("participant: a record is not as it was written")

func openedRecord(a *account) []byte {
	b := tx.AppendText(tx.AppendText([]byte{kindOpened}, a.name), a.owner)
	return binary.AppendVarint(binary.AppendVarint(append(b, a.currency[:]...), a.posted), a.limit)
}

func flag(on bool) byte {
	if on {
		return 1
	}
	return 0
}

func idRecord(kind byte, id tx.ID) []byte { return id.Append([]byte{kind}) }

func resolvedRecord(in Resolve) []byte {
	b := append(idRecord(kindResolved, in.Tx), flag(in.Commit))
	return tx.AppendText(tx.AppendText(b, in.By), in.Why)
}

func (p *Participant) preparedRecord(d *doubt) []byte {
	return p.appendDoubt(append(make([]byte, 0, 64), kindPrepared), d)
}

func (p *Participant) appendDoubt(b []byte, d *doubt) []byte {
	b = binary.AppendUvarint(d.id.Append(b), uint64(p.finished.low.Epoch))
	b = binary.AppendUvarint(b, p.finished.low.Number)
	b = binary.AppendUvarint(b, uint64(len(d.legs)))
	for _, l := range d.legs {
		b = binary.AppendVarint(binary.AppendUvarint(b, uint64(l.account)), l.delta)
		b = tx.AppendText(b, l.other)
	}
	for _, peer := range d.peers {
		b = tx.AppendText(b, peer)
	}
	return b
}

// Recover implements [node.Core].
func (p *Participant) Recover(record []byte) error {
	r := tx.NewReader(record)
	switch kind := r.Byte(); kind {
	case kindOpened:
		return p.recoverOpened(r)
	case kindPrepared:
		return p.recoverPrepared(r)
	case kindCommitted, kindAborted, kindRefused, kindResolved:
		return p.recoverEnd(kind, r)
	default:
		return fmt.Errorf("participant: a record of kind %d, which this version does not know", kind)
	}
}

// broken says what is wrong with a record: that it is torn, or why.
func broken(r *tx.Reader, why string) error {
	if err := r.Done(); err != nil {
		return fmt.Errorf("%w: %w", errRecord, err)
	}
	return fmt.Errorf("%w: it %s", errRecord, why)
}

func (p *Participant) recoverOpened(r *tx.Reader) error {
	a := account{name: string(r.Text()), owner: string(r.Text())}
	copy(a.currency[:], r.Bytes(len(money.Currency{})))
	a.posted, a.limit = r.Int(), r.Int()
	a.opening = a.posted
	if r.Done() != nil || p.accounts.get(a.name) != nil || a.posted < 0 || a.limit < a.posted {
		return broken(r, "opens an account that cannot be opened")
	}
	p.accounts.add(a)
	return nil
}

func (p *Participant) recoverPrepared(r *tx.Reader) error {
	d := p.newDoubt()
	d.id, d.legs = r.ID(), d.room[:0]
	low := tx.ID{Gateway: d.id.Gateway, Epoch: uint32(r.Uint(math.MaxUint32)), Number: r.Uint(math.MaxUint64)}
	for range r.Uint(2) {
		d.legs = append(d.legs, leg{int(r.Uint(math.MaxInt32)), r.Int(), string(r.Text())})
	}
	d.peers = p.readPeers(r)
	if r.Done() != nil || len(d.legs) == 0 || p.doubts[d.id] != nil || p.finished.of(d.id) == committed {
		return broken(r, "promises twice, or nothing")
	}
	for _, l := range d.legs {
		if l.account >= len(p.accounts.all) || p.accounts.all[l.account].room(l.delta) != tx.NoReason {
			return broken(r, "promises what there is not")
		}
	}
	p.finished.raise(low)
	p.promise(d)
	return nil
}

// readPeers reads the rest of a record, as one of the lists that were met before
// if it is.
func (p *Participant) readPeers(r *tx.Reader) (peers []string) {
	rest := r.Rest()
	peers, met := p.known[string(rest)]
	if met {
		return peers
	}
	text := tx.NewReader(rest)
	for text.More() {
		peers = append(peers, string(text.Text()))
	}
	if text.Err() != nil {
		r.Uint(0) // of what is read to its end: it is torn
		return nil
	}
	p.known[string(rest)] = peers
	return peers
}

func (p *Participant) recoverEnd(kind byte, r *tx.Reader) error {
	id := r.ID()
	commit := kind == kindCommitted
	if kind == kindResolved {
		commit = r.Byte() == 1
		r.Text() // who
		r.Text() // why
	}
	d := p.doubts[id]
	switch {
	case r.Done() != nil || d == nil && kind != kindRefused:
		return broken(r, "ends what was not promised")
	case kind == kindRefused:
		p.finished.set(id, aborted)
	case kind == kindResolved:
		p.settle(d, commit)
	case commit:
		p.post(d)
	default:
		p.release(d)
	}
	return nil
}
