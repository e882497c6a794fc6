package systemtest

import (
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"time"

	"dyno/internal/node"
	"dyno/internal/record"
)

// ledger is the core of the toy that keeps state: it numbers operations, each
// once, however often it is asked.
type ledger struct {
	node.Idle[told]
	numbers map[uint64]uint64
	mutant  string
}

// told is the answer to an operation.
type told struct{ op, number uint64 }

// The core's mutants: it forgets what earlier lives wrote, counts each attempt,
// answers before it remembers, writes down nothing of every third operation,
// and recovers one number too many.
var ledgerMutants = []string{"none", "forgetful", "generous", "early", "sparing", "late"}

func newLedger(mutant string) *ledger { return &ledger{numbers: map[uint64]uint64{}, mutant: mutant} }

func (l *ledger) Recover(entry []byte) error {
	if len(entry) != 8 {
		return errors.New("an entry is not of 8 bytes")
	}
	if l.mutant != "forgetful" {
		l.number(binary.BigEndian.Uint64(entry))
	}
	if l.mutant == "late" {
		l.numbers[0] = 0 // which nobody has
	}
	return nil
}

func (l *ledger) Step(_ time.Duration, op uint64) (e node.Effects[told]) {
	if _, known := l.numbers[op]; !known || l.mutant == "generous" {
		l.number(op)
		if l.mutant != "sparing" || op%3 != 0 {
			e.Write = [][]byte{binary.BigEndian.AppendUint64(nil, op)}
		}
	}
	answers := []told{{op, l.numbers[op]}}
	if l.mutant == "early" {
		e.Early = answers
	} else {
		e.Send = answers
	}
	return e
}

func (l *ledger) number(op uint64) {
	l.numbers[op] += uint64(len(l.numbers)) + 1
}

// ledgerHistory is what a trial knows at its end.
type ledgerHistory struct {
	Told   map[uint64]uint64 // the number that each operation was given
	Log    []uint64          // operations as the disk holds them
	Missed []string          // faults that did not come to pass
}

// judge: each operation is in the log once, at the place that was told; one
// that was not answered may be there or not.
func (h ledgerHistory) judge() record.Verdict {
	faults := record.Pass("faults", 1)
	if len(h.Missed) > 0 {
		faults = record.Doubt("faults", 1, "the load was over before %q", h.Missed)
	}
	places := map[uint64]uint64{}
	for i, op := range h.Log {
		places[op] = uint64(i) + 1
	}
	once := record.Pass("once", int64(len(h.Told)))
	if len(places) != len(h.Log) {
		once = record.Fail("once", 0, "%d entries are of %d operations", len(h.Log), len(places))
	}
	for _, op := range slices.Sorted(maps.Keys(h.Told)) {
		n := h.Told[op]
		if places[op] != n && once.Status == record.Valid {
			once = record.Fail("once", 0, "operation %d was told number %d and has %d", op, n, places[op])
		}
	}
	return record.Judge(once, faults)
}
