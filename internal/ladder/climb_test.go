package ladder

import (
	"testing"

	"dyno/internal/record"
	"dyno/systems"
)

// What the bench's own figures are held against decides nothing where none is shown.
func TestStatus(t *testing.T) {
	promises, costs := systems.Rung{Name: "load"}, systems.Rung{Name: "costs", Costs: []string{"throughput_rps"}}
	for _, c := range []struct {
		rung   systems.Rung
		checks []record.Check
		want   record.Status
	}{
		{promises, []record.Check{record.Pass("agree", 3), record.Fail("road-cpu-exit", 1, "children")}, record.Valid},
		{costs, []record.Check{record.Pass("agree", 3), record.Fail("road-cpu-exit", 1, "children")}, record.Invalid},
		{promises, []record.Check{record.Fail("agree", 3, "no"), record.Fail("road-cpu-exit", 1, "children")}, record.Invalid},
		{promises, []record.Check{record.Doubt("agree", 3, "no"), record.Pass("roads", 1)}, record.Undetermined},
		{promises, []record.Check{record.Pass("roads", 1)}, record.Undetermined}, // figures alone prove no promise
	} {
		trial := &record.Trial{Observation: &record.Observation{Verdict: record.Judge(c.checks...)}}
		if got := status(c.rung, trial); got != c.want {
			t.Errorf("%s, %v: %s, want %s", c.rung.Name, c.checks, got, c.want)
		}
	}
	if got := status(promises, &record.Trial{}); got != record.Undetermined {
		t.Errorf("without an observation it is %s", got)
	}
}
