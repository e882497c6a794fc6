package coordinator

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"dyno/systems/strife/core/money"
	"dyno/systems/strife/core/tx"
)

// The kinds of records.
const (
	kindEpoch = iota + 1
	kindName
	kindPaid
	kindDeclined
	kindCancelled
	kindEnds
)

// statusOf says which receipt a kind of record is.
var statusOf = map[byte]Status{kindPaid: Paid, kindDeclined: Declined, kindCancelled: Cancelled}

// names numbers the names of users and banks, to keep receipts small.
type names struct {
	all   []string
	heads []uint32 // the newest receipt of each, as a user
	index map[string]uint32
}

func (n *names) add(name string) uint32 {
	i := uint32(len(n.all))
	n.all, n.heads = append(n.all, name), append(n.heads, 0)
	n.index[name] = i
	return i
}

// name returns the number of a name, and writes it down if it is new.
func (c *Coordinator) name(name string, e *Effects) uint64 {
	i, known := c.names.index[name]
	if !known {
		i = c.names.add(name)
		e.Write = append(e.Write, tx.AppendText([]byte{kindName}, name))
	}
	return uint64(i)
}

func (c *Coordinator) epochRecord() []byte {
	b := binary.AppendUvarint([]byte{kindEpoch}, uint64(c.epoch))
	return binary.AppendUvarint(b, uint64(c.age/time.Second))
}

// store makes a receipt final, with all that is lazy before it.
func (c *Coordinator) store(now time.Duration, user string, r Receipt, e *Effects) {
	c.writeEnds(e)
	who, age := c.name(user, e), c.ageAt(now)
	b := c.encode(who, age, r, e)
	c.table.expire(&c.names, age-c.config.KeyTTL)
	c.table.add(&c.names, uint32(who), []byte(r.Key), age, b)
	e.Write = append(e.Write, b)
}

// encode returns the record of a receipt.
func (c *Coordinator) encode(user uint64, age time.Duration, r Receipt, e *Effects) []byte {
	kind := byte(kindPaid) + byte(r.Status-Paid)
	b := binary.AppendUvarint(append(make([]byte, 0, 96), kind), uint64(r.Tx.Epoch))
	b = binary.AppendUvarint(b, r.Tx.Number)
	if kind != kindPaid {
		b = append(b, byte(r.Reason))
	}
	b = binary.AppendUvarint(b, uint64(age/time.Second))
	b = tx.AppendText(binary.AppendUvarint(b, user), r.Key)
	if p := r.Payment; p != (tx.Payment{}) {
		b = tx.AppendText(binary.AppendUvarint(b, c.name(p.From.Bank, e)), p.From.Name)
		b = tx.AppendText(binary.AppendUvarint(b, c.name(p.To.Bank, e)), p.To.Name)
		b = append(binary.AppendVarint(b, p.Amount.Minor), p.Amount.Currency[:]...)
	}
	return b
}

// writeEnds writes down what is over.
func (c *Coordinator) writeEnds(e *Effects) {
	slices.SortFunc(c.ends, tx.ID.Compare)
	for i := 0; i < len(c.ends); {
		epoch := c.ends[i].Epoch
		b := binary.AppendUvarint([]byte{kindEnds}, uint64(epoch))
		for ; i < len(c.ends) && c.ends[i].Epoch == epoch; i++ {
			b = binary.AppendUvarint(b, c.ends[i].Number)
		}
		e.Write = append(e.Write, b)
	}
	c.ends = c.ends[:0]
}

// stored is a receipt's record, taken apart; texts stay the record's.
type stored struct {
	status   Status
	epoch    uint32
	number   uint64
	reason   tx.Reason
	age      time.Duration
	user     uint32
	key      []byte
	paid     bool // there is a payment
	banks    [2]uint32
	accounts [2][]byte
	minor    int64
	currency money.Currency
}

var errRecord = errors.New("coordinator: a record is not as it was written")

// parseStored reads a receipt's record.
func parseStored(b []byte, names int) (s stored, err error) {
	r := tx.NewReader(b)
	kind := r.Byte()
	s.status = statusOf[kind]
	s.epoch, s.number = uint32(r.Uint(math.MaxUint32)), r.Uint(math.MaxUint64)
	if kind != kindPaid {
		s.reason = tx.Reason(r.Byte())
	}
	s.age = time.Duration(r.Uint(math.MaxInt64/uint64(time.Second))) * time.Second
	most := uint64(max(names, 1) - 1)
	s.user = uint32(r.Uint(most))
	s.key = r.Text()
	if s.paid = r.More(); s.paid {
		for i := range 2 {
			s.banks[i], s.accounts[i] = uint32(r.Uint(most)), r.Text()
		}
		s.minor = r.Int()
		copy(s.currency[:], r.Bytes(len(s.currency)))
	}
	if err := r.Done(); err != nil {
		return s, fmt.Errorf("%w: %w", errRecord, err)
	}
	if !s.status.Final() || names == 0 || !s.paid && s.status != Cancelled {
		return s, errRecord
	}
	return s, nil
}

// receipt returns what a stored record says.
func (c *Coordinator) receipt(s stored) Receipt {
	r := Receipt{Key: string(s.key), Status: s.status, Reason: s.reason}
	if s.number > 0 {
		r.Tx = tx.ID{Gateway: c.config.Gateway, Epoch: s.epoch, Number: s.number}
	}
	if s.paid {
		r.Payment = tx.Payment{
			From:   tx.Account{Bank: c.names.all[s.banks[0]], Name: string(s.accounts[0])},
			To:     tx.Account{Bank: c.names.all[s.banks[1]], Name: string(s.accounts[1])},
			Amount: money.Amount{Minor: s.minor, Currency: s.currency},
		}
	}
	return r
}

// find returns the stored receipt of a key.
func (c *Coordinator) find(now time.Duration, by scoped) (Receipt, bool) {
	user, known := c.names.index[by.user]
	if !known {
		return Receipt{}, false
	}
	record := c.table.find(user, []byte(by.key))
	if record == nil {
		return Receipt{}, false
	}
	s, err := parseStored(record, len(c.names.all))
	if err != nil || s.age <= c.ageAt(now)-c.config.KeyTTL {
		return Receipt{}, false
	}
	return c.receipt(s), true
}

// list returns a user's receipts, the newest first.
func (c *Coordinator) list(now time.Duration, user string, most int) (out []Receipt) {
	i, known := c.names.index[user]
	if !known {
		return nil
	}
	for record := range c.table.of(&c.names, i) {
		s, err := parseStored(record, len(c.names.all))
		if err != nil || len(out) >= most || s.age <= c.ageAt(now)-c.config.KeyTTL {
			break
		}
		out = append(out, c.receipt(s))
	}
	return out
}

// Recover implements [node.Core].
func (c *Coordinator) Recover(record []byte) error {
	if len(record) == 0 {
		return errRecord
	}
	switch r := tx.NewReader(record[1:]); record[0] {
	case kindEpoch:
		epoch, age := uint32(r.Uint(math.MaxUint32)), time.Duration(r.Uint(math.MaxInt64/uint64(time.Second)))*time.Second
		if err := r.Done(); err != nil || epoch <= c.epoch {
			return fmt.Errorf("%w: epoch %d follows %d", errRecord, epoch, c.epoch)
		}
		c.epoch, c.age = epoch, max(c.age, age)
	case kindName:
		name := string(r.Text())
		if err := r.Done(); err != nil {
			return fmt.Errorf("%w: %w", errRecord, err)
		}
		if _, known := c.names.index[name]; !known {
			c.names.add(name)
		}
	case kindPaid, kindDeclined, kindCancelled:
		return c.recoverReceipt(record)
	case kindEnds:
		return c.recoverEnds(r)
	default:
		return fmt.Errorf("coordinator: a record of kind %d, which this version does not know", record[0])
	}
	return nil
}

func (c *Coordinator) recoverReceipt(record []byte) error {
	s, err := parseStored(record, len(c.names.all))
	if err != nil {
		return err
	}
	c.age = max(c.age, s.age)
	c.table.expire(&c.names, c.age-c.config.KeyTTL)
	record = c.table.add(&c.names, s.user, s.key, s.age, record)
	if s.status == Paid {
		c.reopen(s, record)
	}
	return nil
}

// reopen takes up a commit that perhaps not all banks have acknowledged. Most are
// over a few records later, so it is read when the others are known.
func (c *Coordinator) reopen(s stored, record []byte) {
	a := c.newAttempt()
	a.id, a.committed, a.record = tx.ID{Gateway: c.config.Gateway, Epoch: s.epoch, Number: s.number}, true, record
	c.open[a.id] = a
}

// reread takes up a commit that was recovered.
func (c *Coordinator) reread(a *attempt) {
	s, err := parseStored(a.record, len(c.names.all))
	if err != nil {
		panic(err) // it was parsed before
	}
	r := c.receipt(s)
	a.record, a.payment, a.by = nil, r.Payment, scoped{c.names.all[s.user], r.Key}
	a.join()
}

func (c *Coordinator) recoverEnds(r *tx.Reader) error {
	id := tx.ID{Gateway: c.config.Gateway, Epoch: uint32(r.Uint(math.MaxUint32))}
	for r.More() {
		id.Number = r.Uint(math.MaxUint64)
		if a := c.open[id]; a != nil {
			delete(c.open, id)
			c.recycle(a)
		}
	}
	if err := r.Done(); err != nil {
		return fmt.Errorf("%w: %w", errRecord, err)
	}
	return nil
}
