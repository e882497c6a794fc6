package systemtest

import (
	"encoding/binary"
	"errors"
	"time"

	"dyno/internal/node"
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
