package experiments

import (
	"context"
	"fmt"
	"testing"

	"dyno/internal/record"
	"dyno/systems"
)

// A cell that needs software which is not installed is left out: it says what is
// missing, the others are measured, and the run is none that failed.
func TestAbsentSoftwareIsNoFailure(t *testing.T) {
	out := t.TempDir()
	p := toyPlan(t, func(_ context.Context, _ systems.Bench, v systems.Values) (record.Observation, error) {
		if v.Text("policy") == "a" {
			return record.Observation{}, fmt.Errorf("toy: %w", &systems.AbsentError{What: "Other 7", Get: "apt-get install other"})
		}
		return observed(), nil
	})
	tally, err := (&Runner{Out: out, Command: []string{"dyno", "run"}}).Run(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if want := (Tally{Valid: 4, Absent: 4}); tally != want || tally.Failed() || tally.Trials() != 8 {
		t.Errorf("tally %+v, want %+v", tally, want)
	}
	_, trials := stored(t, out)
	for _, tr := range trials {
		if absent := tr.Error == "toy: Other 7 is not installed: apt-get install other"; absent != tr.Absent || absent != (tr.Values["policy"] == "a") {
			t.Errorf("trial %s is stored as %+v", tr.ID, tr)
		}
	}
}
