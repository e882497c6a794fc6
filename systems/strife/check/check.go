// Package check says what a correct history of payments is. It judges the
// journals of a gateway and its banks, and what clients saw, wherever they come
// from: files, a trial, or the simulator.
//
// Each invariant is a check of its own, by the number that it has everywhere:
//
//	I1  conservation     what the accounts have and what is in transit is what they had
//	I2  no double apply  no transaction is carried out twice at a bank
//	I3  atomicity        a transaction is carried out at all its banks or at none, as the gateway decided
//	I4  durability       what a client saw as paid is paid
//	I5  finality         what was declined or cancelled is never paid
//	I6  solvency         0 <= held <= posted, at every moment
//	I7  liveness         when all is quiet, nothing is in doubt, held or unanswered
//	I8  one key          is paid at most once, and all answers to it are the same
//	I9  replay           is deterministic, and adds up to the balances that there are
//	I10 fresh reads      a balance shows every payment that was acknowledged before it was asked for
//	I11 order            promised, then decided, then carried out; no epoch or transaction twice
package check

import (
	"fmt"
	"math"
	"time"

	"dyno/internal/record"
	"dyno/systems/strife/core/coordinator"
	"dyno/systems/strife/core/participant"
	"dyno/systems/strife/core/tx"
)

// Judge applies all checks that the evidence is for.
func Judge(e Evidence) record.Verdict { return record.Judge(Checks(e)...) }

// Checks applies all checks.
func Checks(e Evidence) (out []record.Check) {
	x := newIndex(&e)
	for _, i := range invariants {
		f := &finding{name: i.name}
		i.check(x, f)
		if f.examined > 0 || f.detail != "" {
			out = append(out, f.verdict())
		}
	}
	return out
}

// Told applies the check that needs nothing but what users were told.
func Told(calls []Call) record.Check {
	f := &finding{name: "I8 one key"}
	newIndex(&Evidence{Calls: calls}).oneKey(f)
	return f.verdict()
}

var invariants = []struct {
	name  string
	check func(*index, *finding)
}{
	{"I1 conservation", (*index).conservation},
	{"I2 no double apply", (*index).once},
	{"I3 atomicity", (*index).atomicity},
	{"I4 durability", (*index).durability},
	{"I5 finality", (*index).finality},
	{"I6 solvency", (*index).solvency},
	{"I7 liveness", (*index).liveness},
	{"I8 one key", (*index).oneKey},
	{"I9 replay", (*index).replay},
	{"I10 fresh reads", (*index).freshness},
	{"I11 order", (*index).order},
}

// finding is what a check comes to.
type finding struct {
	name     string
	examined int64
	failures int
	detail   string // of the first
}

// want notes one fact, and whether it is as it should be.
func (f *finding) want(holds bool, format string, args ...any) {
	f.examined++
	if holds {
		return
	}
	if f.failures++; f.detail == "" {
		f.detail = fmt.Sprintf(format, args...)
	}
}

func (f *finding) verdict() record.Check {
	switch {
	case f.failures > 1:
		return record.Fail(f.name, f.examined, "%s; and %d more", f.detail, f.failures-1)
	case f.failures == 1:
		return record.Fail(f.name, f.examined, "%s", f.detail)
	}
	return record.Pass(f.name, f.examined)
}

// scoped is a key of a user.
type scoped struct{ user, key string }

// index is evidence in the order in which checks ask for it.
type index struct {
	*Evidence
	paid   map[tx.ID]*Decision
	finals map[scoped][]*Decision // in the order of the journal
	oldest tx.ID                  // of paid
	banks  map[string]*ledger
}

func newIndex(e *Evidence) *index {
	x := &index{
		Evidence: e, paid: map[tx.ID]*Decision{}, finals: map[scoped][]*Decision{}, banks: map[string]*ledger{},
	}
	for i := range e.Gateway {
		d := &e.Gateway[i]
		if !d.Status.Final() {
			continue
		}
		by := scoped{d.User, d.Key}
		x.finals[by] = append(x.finals[by], d)
		if d.Status != coordinator.Paid {
			continue
		}
		if x.paid[d.Tx] = d; len(x.paid) == 1 || d.Tx.Below(x.oldest) {
			x.oldest = d.Tx
		}
	}
	for i := range e.Banks {
		l := newLedger(&e.Banks[i])
		x.banks[l.Name] = l
	}
	return x
}

// Evidence is all that is known of a deployment.
type Evidence struct {
	Gateway []Decision // in the order of its journal
	Banks   []Bank
	Calls   []Call // in any order
	// Quiet says that nothing was going on any more, and that nothing was broken.
	Quiet bool
	// Partial says that a journal begins with a snapshot, so that events from before
	// it are missing.
	Partial bool
	// States are digests of every journal after two independent replays: equal in
	// pairs.
	States [][2][]byte
}

// Decision is an event of the gateway's journal.
type Decision struct {
	coordinator.Event
	At time.Duration // when it was written, on one clock for all; 0: not known
}

// Bank is what is known of a bank.
type Bank struct {
	Name     string
	Base     []participant.Balance // of a snapshot at the begin of the journal
	Promised []participant.Doubt   // in that snapshot
	Events   []BankEvent           // in the order of the journal
	Accounts []participant.Balance // at its end, as the bank has them
	Doubts   []participant.Doubt
}

// BankEvent is an event of a bank's journal.
type BankEvent struct {
	participant.Event
	At time.Duration // when it was written, on one clock for all; 0: not known
}

// Call is something that a client asked for.
type Call struct {
	Kind      CallKind
	User, Key string
	Payment   tx.Payment
	Account   tx.Account // of a balance
	Begin     time.Duration
	End       time.Duration       // [Never]: there was no answer
	Receipt   coordinator.Receipt // the answer, of all but a balance
	Replayed  bool
	Posted    int64 // of a balance
}

// CallKind says what a client asked for.
type CallKind uint8

// The kinds of calls.
const (
	CallPay CallKind = iota + 1
	CallCancel
	CallLookup
	CallBalance
)

// Never is the end of a call that was not answered.
const Never time.Duration = math.MaxInt64
