package experiments

import (
	"context"
	"strings"
	"testing"

	"dyno/internal/record"
	"dyno/systems"
)

// No system can forget the rule: the engine holds every trial against it, and
// an experiment may allow more.
func TestRunHoldsFailures(t *testing.T) {
	half := record.Share(0.5)
	for name, c := range map[string]struct {
		allowed *record.Share
		want    Tally
		measure int // trials, attempts included
	}{
		"by default": {nil, Tally{Invalid: 8}, 8},
		"half":       {&half, Tally{Valid: 8}, 8},
	} {
		t.Run(name, func(t *testing.T) {
			n := 0
			p := toyPlan(t, func(context.Context, systems.Bench, systems.Values) (record.Observation, error) {
				n++
				o := observed()
				o.Counts = record.Counts{Offered: 100, Sent: 100, OK: 60, Unknown: 40}
				o.Failures = &record.Failures{Sent: 100, Failed: 40, First: "connection refused"}
				return o, nil
			})
			p.MaxFailures = c.allowed
			out := t.TempDir()
			tally, err := (&Runner{Out: out}).Run(t.Context(), p)
			if err != nil || tally != c.want || n != c.measure {
				t.Errorf("%v, %+v after %d trials; want %+v after %d", err, tally, n, c.want, c.measure)
			}
			run, trials := stored(t, out)
			if run.Experiment.Allowed() != p.Allowed() {
				t.Errorf("stored as %v allowed", run.Experiment.Allowed())
			}
			for _, tr := range trials {
				if got := strings.Join(tr.Observation.Verdict.Reasons(), ""); (c.allowed == nil) != strings.Contains(got, "40 % of 100 operations") {
					t.Errorf("%s: %q", tr.ID, got)
				}
			}
		})
	}
}

// So few that chance may have done it are measured again.
func TestRunRepeatsAFewFailures(t *testing.T) {
	n := 0
	p := toyPlan(t, func(context.Context, systems.Bench, systems.Values) (record.Observation, error) {
		n++
		o := observed()
		o.Counts = record.Counts{Offered: 400, Sent: 400, OK: 399, Unknown: 1}
		if n%2 == 0 {
			o.Counts = record.Counts{Offered: 400, Sent: 400, OK: 400}
		}
		return o, nil
	})
	tally, err := (&Runner{Out: t.TempDir()}).Run(t.Context(), p)
	if err != nil || tally.Valid != 8 || n != 16 {
		t.Errorf("%v, %+v after %d measurements; want 8 valid after 16", err, tally, n)
	}
}

// A share is written with its sign, and a mistake has a place.
func TestMaxFailuresOfAFile(t *testing.T) {
	e, _, err := decode("toy.yaml", []byte("name: toy\nmax-failures: 2%\n"))
	if err != nil || e.Allowed() != 0.02 {
		t.Errorf("%v allowed, %v", e.Allowed(), err)
	}
	for _, text := range []string{"0.02", "2", "-1%", "101%", "many", "[1%]", "''", ""} {
		_, _, err := decode("toy.yaml", []byte("name: toy\nmax-failures: "+text+"\n"))
		if err == nil || !strings.HasPrefix(err.Error(), "toy.yaml:2: ") {
			t.Errorf("%q: %v; want an error with its place", text, err)
		}
	}
}
