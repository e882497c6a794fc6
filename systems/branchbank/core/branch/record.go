package branch

import (
	"encoding/binary"
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
