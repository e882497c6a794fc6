package branchbank_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/branchbank"
	"dyno/systems/systemtest"
)

// measure runs one trial in real processes.
func measure(t *testing.T, values map[string]string) record.Observation {
	t.Helper()
	return systemtest.Try(t, branchbank.System, systems.Setting{Warmup: 50 * time.Millisecond, Length: 600 * time.Millisecond}, values)
}

// with is values and those that differ.
func with(base, more map[string]string) map[string]string {
	out := maps.Clone(base)
	maps.Copy(out, more)
	return out
}

// Branches are killed, paused and cut off while customers go on, in every mode
// and under either rule: what was acknowledged is there in the end, once.
func TestFaults(t *testing.T) {
	base := map[string]string{
		"branches": "3", "clients": "6", "balance": "500",
		"faults": "kill b2@100ms..200ms; pause b3@150ms..300ms; cut b1-b2@350ms..450ms",
	}
	for _, c := range []map[string]string{
		{"propagate": "sync"},
		{"propagate": "async", "funds": "escrow"},
		{"propagate": "stream", "funds": "escrow"},
	} {
		if o := measure(t, with(base, c)); o.Verdict.Status != record.Valid || o.Counts.OK == 0 {
			t.Errorf("%v: %s %v, %+v", c, o.Verdict.Status, o.Verdict.Reasons(), o.Counts)
		}
	}
}

// What branches do wrong is found, by the check that is for it.
func TestMutants(t *testing.T) {
	base := map[string]string{"branches": "3", "clients": "12", "balance": "100", "queries": "0.4", "delay": "8ms"}
	for mutant, c := range map[string]map[string]string{
		"solvent": {"mutant": "no-rights", "propagate": "async", "funds": "escrow", "withdrawals": "0.6"},
		"regular": {"mutant": "hasty-sync", "propagate": "sync"},
	} {
		caught := false
		for attempt := 0; !caught && attempt < 5; attempt++ { // a busy machine may leave too few customers who meet
			o := measure(t, with(base, c))
			caught = slices.ContainsFunc(o.Verdict.Checks, func(k record.Check) bool { return k.Name == mutant && k.Status == record.Invalid })
		}
		if !caught {
			t.Errorf("%v: not caught by %s", c, mutant)
		}
	}
}
