package experiments

import "dyno/internal/record"

// Tally counts how trials ended. Controls are counted apart, by whether they
// were found out. Absent were not made, since the machine lacks software that
// they need. Reused of all were measured by an earlier run.
type Tally struct{ Valid, Invalid, Unknown, Errors, Caught, Missed, Absent, Reused int }

// Trials is how many there were in all, controls included.
func (t Tally) Trials() int {
	return t.Valid + t.Invalid + t.Unknown + t.Errors + t.Absent + t.Controls()
}

// Controls is how many trials of negative controls there were.
func (t Tally) Controls() int { return t.Caught + t.Missed }

// Failed says that at least one trial failed its check or did not come to one,
// or that a control was not found out: the checks of all others prove nothing.
func (t Tally) Failed() bool { return t.Invalid+t.Unknown+t.Errors+t.Missed > 0 }

// Add adds u to t.
func (t *Tally) Add(u Tally) {
	t.Valid += u.Valid
	t.Invalid += u.Invalid
	t.Unknown += u.Unknown
	t.Errors += u.Errors
	t.Caught += u.Caught
	t.Missed += u.Missed
	t.Absent += u.Absent
	t.Reused += u.Reused
}

// Count adds a trial of a plan.
func (t *Tally) Count(p *Plan, tr *record.Trial) {
	switch {
	case tr.Absent:
		t.Absent++
	case tr.Control != "" && p.proper(tr):
		t.Caught++
	case tr.Control != "":
		t.Missed++
	case tr.Observation == nil:
		t.Errors++
	case tr.Status() == record.Valid:
		t.Valid++
	case tr.Status() == record.Invalid:
		t.Invalid++
	default:
		t.Unknown++
	}
}
