package branch

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"dyno/internal/replica"
)

// The journal's records, by their first byte.
const (
	recordGroup    = 'g' // what the group is: first, and only once
	recordWrite    = 'w' // a write that was applied, of any origin
	recordExternal = 'x' // a term from outside
	recordSettled  = 's' // all own writes up to a number are everywhere
	recordRefused  = 'r' // a request that was declined, for good
)

var errRecord = errors.New("a record that no branch writes")

// Record is one record of a branch's journal.
type Record struct {
	Write    *replica.Write[Body] // that was applied
	External int64                // a term from outside, if it is not 0
	Settled  uint64               // all own writes up to this are everywhere, if it is not 0
	Refused  *Body                // a request that was declined
	Group    string               // what the group is, of the first record
}

// ParseRecord decodes a record, for those who read a journal without the branch.
func ParseRecord(b []byte) (r Record, err error) {
	if len(b) == 0 {
		return r, errRecord
	}
	switch rest := b[1:]; b[0] {
	case recordGroup:
		r.Group = string(rest)
	case recordWrite:
		var w replica.Write[Body]
		w, err = replica.ParseWrite(rest, parseBody)
		r.Write = &w
	case recordExternal:
		n, size := binary.Varint(rest)
		if size != len(rest) || n == 0 {
			return r, errRecord
		}
		r.External = n
	case recordSettled:
		n, size := binary.Uvarint(rest)
		if size != len(rest) || n == 0 {
			return r, errRecord
		}
		r.Settled = n
	case recordRefused:
		var body Body
		body, err = parseBody(rest)
		r.Refused = &body
	default:
		return r, errRecord
	}
	return r, err
}

func appendWrite(w replica.Write[Body]) []byte { return w.Append([]byte{recordWrite}, appendBody) }

func appendBody(b []byte, body Body) []byte {
	b = append(b, byte(body.Kind))
	b = binary.AppendVarint(b, body.Amount)
	b = binary.AppendVarint(b, int64(body.To))
	return append(b, body.Request...)
}

func parseBody(b []byte) (body Body, err error) {
	if len(b) == 0 || Kind(b[0]) < Deposit || Kind(b[0]) > Give {
		return body, errRecord
	}
	body.Kind = Kind(b[0])
	amount, n := binary.Varint(b[1:])
	if n <= 0 || amount <= 0 {
		return body, errRecord
	}
	to, m := binary.Varint(b[1+n:])
	if m <= 0 || int64(ID(to)) != to {
		return body, errRecord
	}
	body.Amount, body.To, body.Request = amount, ID(to), string(b[1+n+m:])
	return body, nil
}

// group describes what must not change from one life to the next.
func (c Config) group(members []ID) string {
	return fmt.Sprintf("branch %d of %v, initial balance %d, funds %s", c.Self, members, c.Balance, c.Funds)
}

func appendExternal(amount int64) []byte {
	return binary.AppendVarint([]byte{recordExternal}, amount)
}

// snapshot is what all records of a journal add up to.
type snapshot struct {
	Group    string
	Balance  sum
	External sum
	Rights   map[ID]sum `json:",omitempty"`
	Vector   replica.Vector
	Outbox   []replica.Write[Body]
	Settled  uint64
	Gifts    replica.Vector `json:",omitempty"` // that the next own write depends on
	Requests []named        // the latest last
}

// sum is a wide number, high part first.
type sum struct {
	Hi int64
	Lo uint64
}

func sumOf(w wide) sum { return sum{w.hi, w.lo} }

func (s sum) wide() wide { return wide{s.Hi, s.Lo} }

// named is a request that was applied or declined.
type named struct {
	Name   string
	Kind   Kind
	Amount int64
	Seq    uint64
}

// Snapshot implements [node.Snapshotter].
func (b *Branch) Snapshot() []byte {
	s := snapshot{
		Group: b.cfg.group(b.rep.Members()), Balance: sumOf(b.balance), External: sumOf(b.external),
		Vector: b.rep.Vector(), Outbox: b.rep.Outbox(), Settled: b.settled,
		Gifts: b.escrow.deps,
	}
	if b.rights != nil {
		s.Rights = make(map[ID]sum, len(b.rights))
		for id, r := range b.rights {
			s.Rights[id] = sumOf(r)
		}
	}
	for i := range b.requests.names {
		name := b.requests.names[(b.requests.next+i)%len(b.requests.names)]
		r := b.requests.byName[name]
		s.Requests = append(s.Requests, named{name, r.kind, r.amount, r.seq})
	}
	text, err := json.Marshal(s)
	if err != nil {
		panic(fmt.Sprintf("branch: %v", err)) // of numbers and strings alone
	}
	return text
}

// Restore implements [node.Snapshotter].
func (b *Branch) Restore(_ uint64, text []byte) error {
	var s snapshot
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	if want := b.cfg.group(b.rep.Members()); s.Group != want {
		return fmt.Errorf("the journal is of %s, not of %s", s.Group, want)
	}
	if err := b.rep.Restore(s.Vector, s.Outbox); err != nil {
		return err
	}
	b.known, b.balance, b.external, b.settled = true, s.Balance.wide(), s.External.wide(), s.Settled
	b.escrow.deps = s.Gifts
	for id, r := range s.Rights {
		b.rights[id] = r.wide()
	}
	for _, r := range s.Requests {
		b.requests.note(Body{Kind: r.Kind, Amount: r.Amount, Request: r.Name}, r.Seq)
	}
	return nil
}
