package ladder

import (
	"io"
	"testing"

	"dyno/internal/record"
	"dyno/systems"
)

// What the bench's own figures are held against decides nothing where none is shown.
func TestStatus(t *testing.T) {
	promises, costs := Rung{Name: "load"}, Rung{Name: "costs", Costs: []string{"throughput_rps"}}
	climb := &Climb{System: &systems.System{OfFigures: []string{"late"}}}
	for _, c := range []struct {
		rung   Rung
		checks []record.Check
		want   record.Status
	}{
		{promises, []record.Check{record.Pass("agree", 3), record.Fail("road-cpu-exit", 1, "children")}, record.Valid},
		{costs, []record.Check{record.Pass("agree", 3), record.Fail("road-cpu-exit", 1, "children")}, record.Invalid},
		{promises, []record.Check{record.Fail("agree", 3, "no"), record.Fail("road-cpu-exit", 1, "children")}, record.Invalid},
		{promises, []record.Check{record.Doubt("agree", 3, "no"), record.Pass("roads", 1)}, record.Undetermined},
		{promises, []record.Check{record.Pass("roads", 1)}, record.Undetermined}, // figures alone prove no promise
		{promises, []record.Check{record.Pass("agree", 3), record.Doubt("late", 1, "by 2 ms")}, record.Valid},
		{costs, []record.Check{record.Pass("agree", 3), record.Doubt("late", 1, "by 2 ms")}, record.Undetermined},
		{promises, []record.Check{record.Pass("late", 1)}, record.Undetermined},
	} {
		trial := &record.Trial{Observation: &record.Observation{Verdict: record.Judge(c.checks...)}}
		if got := climb.status(c.rung, trial); got != c.want {
			t.Errorf("%s, %v: %s, want %s", c.rung.Name, c.checks, got, c.want)
		}
	}
	if got := climb.status(promises, &record.Trial{}); got != record.Undetermined {
		t.Errorf("without an observation it is %s", got)
	}
}

// A trial that breaks a promise is told, whatever another trial of its rung left open
// before it: what is unproved is tried again, and what is broken is not.
func TestAgainst(t *testing.T) {
	judged := func(checks ...record.Check) *record.Trial {
		return &record.Trial{Observation: &record.Observation{Verdict: record.Judge(checks...)}}
	}
	for _, c := range []struct {
		trial *record.Trial
		want  int
	}{
		{nil, 0},
		{judged(record.Pass("agree", 3)), 0},
		{judged(record.Doubt("agree", 3, "late")), 1},
		{&record.Trial{Absent: true, Error: "PostgreSQL is not installed"}, 1},
		{judged(record.Fail("agree", 3, "no")), 2},
		{judged(record.Doubt("faults", 1, "late"), record.Fail("agree", 3, "no")), 2},
		{&record.Trial{Error: "it died"}, 2},
	} {
		if got := (&Climb{System: new(systems.System)}).against(Rung{}, c.trial); got != c.want {
			t.Errorf("%+v says %d, want %d", c.trial, got, c.want)
		}
	}
}

// Figures that do not hold leave no history: the card says what is wrong all the same.
func TestNoHistory(t *testing.T) {
	c := &Climb{System: &systems.System{Explain: func(bundle string, _ io.Writer) ([]string, error) {
		return nil, systems.ReadHistory(bundle, new(int))
	}}}
	trial := &record.Trial{Observation: &record.Observation{Verdict: record.Judge(record.Fail("road-wall_s", 1, "no"))}}
	r := Result{Bundle: t.TempDir()}
	if err := c.tell(&r, Rung{Costs: []string{"wall_s"}}, trial); err != nil || r.Status != Broken || len(r.Reasons) != 1 {
		t.Errorf("%v, %+v", err, r)
	}
}
