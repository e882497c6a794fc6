package history

import "dyno/internal/record"

// Finding is what a checker found. Systems that count violations instead of
// failing on them (a baseline without a guarantee) read the numbers; the others
// ask for the Check.
type Finding struct {
	Examined   int64  // facts that could have been wrong: answers, applied writes, balances
	Violations int64  // of them, those that were
	Undecided  int64  // of them, those that a limit left open
	First      string // the first violation, or else why the first one is undecided
}

// Check turns the finding into a check: invalid with any violation, unknown
// with anything undecided or nothing examined, valid otherwise.
func (f Finding) Check(name string) record.Check {
	switch {
	case f.Violations > 0:
		return record.Fail(name, f.Examined, "%d violations in %d: %s", f.Violations, f.Examined, f.First)
	case f.Undecided > 0:
		return record.Doubt(name, f.Examined, "%d of %d undecided: %s", f.Undecided, f.Examined, f.First)
	case f.Examined == 0:
		return record.Doubt(name, 0, "nothing was examined")
	default:
		return record.Pass(name, f.Examined)
	}
}

func (f *Finding) violate(why string) {
	if f.Violations == 0 {
		f.First = why
	}
	f.Violations++
}

func (f *Finding) leaveOpen(why string) {
	if f.Violations == 0 && f.Undecided == 0 {
		f.First = why
	}
	f.Undecided++
}

func (f *Finding) add(g Finding) {
	if f.First == "" || (f.Violations == 0 && g.Violations > 0) {
		f.First = g.First
	}
	f.Examined += g.Examined
	f.Violations += g.Violations
	f.Undecided += g.Undecided
}
