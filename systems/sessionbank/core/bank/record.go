package bank

import (
	"encoding/binary"
	"errors"
	"fmt"

	"dyno/internal/replica"
)

// Records of the journal begin with a tag.
const (
	tagWrite   = 1 // a write that was applied
	tagRefusal = 2 // the name of a withdrawal that was refused here
	tagSettled = 3 // how many own writes are everywhere
)

// record is one of them, decoded.
type record struct {
	tag     byte
	write   Write
	name    Name
	settled uint64
}

func writeRecord(w Write) []byte { return w.Append([]byte{tagWrite}, AppendBody) }

func refusalRecord(n Name) []byte { return appendName([]byte{tagRefusal}, n) }

func settledRecord(n uint64) []byte { return binary.AppendUvarint([]byte{tagSettled}, n) }

// AppendBody encodes what a write does.
func AppendBody(b []byte, body Body) []byte {
	return binary.AppendVarint(appendName(b, body.Name), body.Delta)
}

func appendName(b []byte, n Name) []byte {
	b = binary.AppendUvarint(b, uint64(len(n.Session)))
	return binary.AppendUvarint(append(b, n.Session...), n.Number)
}

var errRecord = errors.New("a record of a branch's journal is cut or of another kind")

// ParseBody decodes what [AppendBody] has made.
func ParseBody(b []byte) (body Body, err error) {
	if body.Name, b, err = parseName(b); err != nil {
		return body, err
	}
	delta, size := binary.Varint(b)
	if size <= 0 || size != len(b) {
		return body, errRecord
	}
	body.Delta = delta
	return body, nil
}

func parseName(b []byte) (n Name, rest []byte, err error) {
	length, size := binary.Uvarint(b)
	if size <= 0 || length > uint64(len(b)-size) {
		return n, nil, errRecord
	}
	n.Session, b = string(b[size:size+int(length)]), b[size+int(length):]
	if n.Number, size = binary.Uvarint(b); size <= 0 {
		return n, nil, errRecord
	}
	return n, b[size:], nil
}

func parseRecord(b []byte) (r record, err error) {
	if len(b) == 0 {
		return r, errRecord
	}
	r.tag, b = b[0], b[1:]
	switch r.tag {
	case tagWrite:
		r.write, err = replica.ParseWrite(b, ParseBody)
	case tagRefusal:
		r.name, b, err = parseName(b)
		if err == nil && len(b) > 0 {
			err = errRecord
		}
	case tagSettled:
		var size int
		if r.settled, size = binary.Uvarint(b); size <= 0 {
			err = errRecord
		}
	default:
		err = fmt.Errorf("%w: tag %d", errRecord, r.tag)
	}
	return r, err
}

// ApplyLog reads, from the records of a branch's journal, what it has applied.
type ApplyLog []Entry

// Add takes in one record.
func (l *ApplyLog) Add(record []byte) error {
	r, err := parseRecord(record)
	if err == nil && r.tag == tagWrite {
		*l = append(*l, Entry{Origin: r.write.Origin, Seq: r.write.Seq, Body: r.write.Body})
	}
	return err
}
