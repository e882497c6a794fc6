package systemtest

import (
	"encoding/binary"

	"dyno/internal/record"
)

// entrySize is that of an entry in the log: the operation, 8 bytes. Its number is
// its place.
const entrySize = 8

// ledger is the core of the toy that keeps state: it numbers operations, each
// once, however often it is asked. It knows no disk, no clock and no network.
type ledger struct{ numbers map[uint64]uint64 }

// replay makes a ledger of what a log holds, and says where its whole entries
// end.
func replay(log []byte) (l ledger, end int) {
	l.numbers = make(map[uint64]uint64)
	for ; end+entrySize <= len(log); end += entrySize {
		l.numbers[binary.BigEndian.Uint64(log[end:])] = uint64(len(l.numbers)) + 1
	}
	return l, end
}

// step takes in an operation: its number may be told once what is to be written
// is durable.
func (l ledger) step(op uint64) (write []byte, number uint64) {
	if n, ok := l.numbers[op]; ok {
		return nil, n
	}
	number = uint64(len(l.numbers)) + 1
	l.numbers[op] = number
	return binary.BigEndian.AppendUint64(nil, op), number
}

// ledgerHistory is what a trial knows at its end.
type ledgerHistory struct {
	Told   map[uint64]uint64 // the number that each operation was given
	Log    []byte            // as the disk holds it
	Missed []string          // faults that did not come to pass
}

// judge: each operation is in the log once, at the place that was told; one
// that was not answered may be there or not.
func (h ledgerHistory) judge() record.Verdict {
	faults := record.Pass("faults", 1)
	if len(h.Missed) > 0 {
		faults = record.Doubt("faults", 1, "the load was over before %q", h.Missed)
	}
	l, end := replay(h.Log)
	once := record.Pass("once", int64(len(h.Told)))
	switch {
	case end != len(h.Log):
		once = record.Fail("once", 0, "the log ends in the middle of an entry")
	case len(l.numbers)*entrySize != end:
		once = record.Fail("once", 0, "%d entries are of %d operations", end/entrySize, len(l.numbers))
	}
	for op, told := range h.Told {
		if got := l.numbers[op]; got != told && once.Status == record.Valid {
			once = record.Fail("once", 0, "operation %d was told number %d and has %d", op, told, got)
		}
	}
	return record.Judge(once, faults)
}
