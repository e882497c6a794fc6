package mapreduce_test

import (
	"os"
	"testing"
)

// largeEnv says how many megabytes the large input has. It takes twice that of
// disk, about as much memory for the sequential run beside it, and minutes:
// make soak sets it.
const largeEnv = "DYNO_LARGE_MB"

// An input larger than all budgets together, with millions of words that differ:
// the counts are right, and no process holds more than the target says.
func TestLargeInput(t *testing.T) {
	mb := os.Getenv(largeEnv)
	if mb == "" {
		t.Skip(largeEnv + " is not set")
	}
	o := trial(t, map[string]string{"input": mb, "distinct": "4200000", "split-size": "16384", "reduces": "8"})
	for _, name := range []string{"time_s", "mb_per_s", "cpu_s", "peak_mb", "maps_run", "spilled_runs", "shuffle_mb"} {
		t.Logf("%s %.4g", name, o.Scalars[name])
	}
	if peak := o.Scalars["peak_mb"]; peak > 256 {
		t.Errorf("a process held %.0f MB, want at most 256", peak)
	}
}
