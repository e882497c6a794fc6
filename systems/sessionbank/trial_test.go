package sessionbank_test

import (
	"strings"
	"testing"
	"time"

	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/sessionbank"
	"dyno/systems/systemtest"
)

// trial runs one with real processes.
func trial(t *testing.T, length time.Duration, values map[string]string) record.Observation {
	t.Helper()
	return systemtest.Try(t, sessionbank.System, systems.Setting{Warmup: 50 * time.Millisecond, Length: length}, values)
}

// invalid are the checks that failed.
func invalid(o record.Observation) string {
	var names []string
	for _, c := range o.Verdict.Checks {
		if c.Status == record.Invalid {
			names = append(names, c.Name+": "+c.Detail)
		}
	}
	return strings.Join(names, "; ")
}

// Under a delay, no guarantee means violations of each, and nothing waits; all of
// them mean none, and requests do wait.
func TestGuaranteesCost(t *testing.T) {
	values := map[string]string{"delay": "200ms", "clients": "4", "guarantees": "none", "durable": "no"} // a busy machine takes its time too
	none := trial(t, 400*time.Millisecond, values)
	values["guarantees"], values["delay"] = "all", "20ms"
	all := trial(t, 400*time.Millisecond, values)
	for _, o := range []record.Observation{none, all} {
		if why := invalid(o); why != "" {
			t.Error(why)
		}
	}
	for _, m := range []string{"ryw_violated", "mw_violated", "mr_violated", "wfr_violated"} {
		if none.Scalars[m] <= 0 || all.Scalars[m] != 0 {
			t.Errorf("%s is %v without guarantees and %v with all", m, none.Scalars[m], all.Scalars[m])
		}
	}
	if none.Scalars["waited_share"] != 0 || all.Scalars["waited_share"] == 0 {
		t.Errorf("%v waited without guarantees, %v with all", none.Scalars["waited_share"], all.Scalars["waited_share"])
	}
}

// What clients do wrong is found.
func TestClientMutants(t *testing.T) {
	for mutant, want := range map[string]string{"amnesia": "read-your-writes", "invented": "applied"} {
		delay := map[string]string{"amnesia": "200ms", "invented": "0s"}[mutant]
		o := trial(t, 400*time.Millisecond, map[string]string{"delay": delay, "clients": "4", "mutant": mutant, "durable": "no"})
		if !strings.Contains(invalid(o), want) {
			t.Errorf("%s: invalid is %q, want %s", mutant, invalid(o), want)
		}
	}
}

// Branches are killed, paused and cut off in the middle of the load: what was
// acknowledged is everywhere, each write once, and no session sees it.
func TestFaults(t *testing.T) {
	for name, faults := range map[string]string{
		"kill":  "kill b2@200ms..350ms",
		"pause": "pause b1@200ms..400ms",
		"cut":   "cut b1-b2@150ms..500ms",
	} {
		t.Run(name, func(t *testing.T) {
			o := trial(t, 900*time.Millisecond, map[string]string{"clients": "4", "faults": faults, "wait": "200ms", "delay": "2ms"})
			if why := invalid(o); why != "" {
				t.Error(why)
			}
			if o.Counts.OK == 0 {
				t.Errorf("%+v", o.Counts)
			}
		})
	}
}

// A cell that would not measure what it says must not be measured.
func TestTrialRefuses(t *testing.T) {
	for want, values := range map[string]map[string]string{
		"ghz carries no token":         {"driver": "ghz"},
		"has nobody to propagate to":   {"branches": "1", "delay": "5ms"},
		"without guarantees there are": {"guarantees": "none", "mutant": "amnesia"},
		"has forgotten":                {"durable": "no", "faults": "kill b1@1s..2s"},
		"with driver open":             {"driver": "open"},
	} {
		v, err := sessionbank.System.Resolve(values)
		if err != nil {
			t.Fatal(err)
		}
		set := systems.Setting{Load: record.Load{Loop: "closed"}, Length: time.Second}
		if err := sessionbank.System.Check(set, v); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", values, err, want)
		}
	}
}
