package check

import (
	"fmt"

	"dyno/internal/record"
	"dyno/systems/strife/core/coordinator"
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
