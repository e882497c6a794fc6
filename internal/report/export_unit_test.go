package report

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"golang.org/x/perf/benchunit"

	"dyno/internal/record"
)

// Times are in seconds and sizes in bytes, under names that do not say
// otherwise.
func TestBenchUnit(t *testing.T) {
	for _, c := range []struct {
		name, unit string
		want       string
		value      float64 // what 2 of the metric's unit are
	}{
		{"recovery_ms", "ms", "recovery-sec", 0.002},
		{"cpu_us_per_request", "us", "cpu_per_request-sec", 2e-6},
		{"cpu_us_per_request", "µs", "cpu_per_request-sec", 2e-6},
		{"time_s", "s", "time-sec", 2},
		{"wait_ns", "ns", "wait-sec", 2e-9},
		{"mb_per_s", "MB/s", "B/s", 2e6},
		{"input_mb_per_s", "MB/s", "input-B/s", 2e6},
		{"peak_mb", "MB", "peak-B", 2e6},
		{"kilobytes", "kB", "B", 2000},
		{"cpu_ns_per_byte", "ns/B", "cpu-sec/B", 2e-9},
		{"delay", "ms", "delay-sec", 0.002},
		{"throughput_rps", "req/s", "throughput_rps", 2},
		{"runs", "runs", "runs", 2},
		{"share", "1", "share", 2},
		{"lb_cores", "cores", "lb_cores", 2},
	} {
		all := columns([]record.Metric{{Name: c.name, Kind: record.KindScalar, Unit: c.unit}})
		if len(all) != 1 || all[0].unit != c.want || all[0].scale(2) != c.value {
			t.Errorf("2 %s of %s: %+v, want %v %s", c.unit, c.name, all, c.value, c.want)
		}
	}
}

// metricsInUse are those of all results that are kept with the sources.
func metricsInUse(t *testing.T) map[string][]record.Metric {
	t.Helper()
	paths, err := filepath.Glob("../../results/*/run.json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no results: %v", err)
	}
	out := make(map[string][]record.Metric)
	for _, p := range paths {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		var run record.Run
		if err := json.Unmarshal(text, &run); err != nil {
			t.Fatal(err)
		}
		out[p] = run.Metrics
	}
	return out
}

// Every unit of an export is one that benchstat leaves alone (what it changes,
// it changes for values other than 0 only), names no multiple of a unit, and
// is one column's. A new metric in a unit that is not known fails here.
func TestUnitsInUse(t *testing.T) {
	multiple := regexp.MustCompile(`(^|[-_*/])(ns|us|µs|ms|min|kb|mb|gb|kB|MB|GB|KiB|MiB|kilobytes|megabytes)($|[-_*/])`)
	for path, metrics := range metricsInUse(t) {
		seen := make(map[string]bool)
		for _, c := range columns(metrics) {
			if _, tidy := benchunit.Tidy(1, c.unit); tidy != c.unit {
				t.Errorf("%s: %s is %s to benchstat", path, c.unit, tidy)
			}
			if multiple.MatchString(c.unit) {
				t.Errorf("%s: %s is no base unit", path, c.unit)
			}
			if seen[c.unit] {
				t.Errorf("%s: two columns are %s", path, c.unit)
			}
			seen[c.unit] = true
		}
	}
}

// Metrics whose names differ in their unit only have columns of their own.
func TestColumnsDiffer(t *testing.T) {
	all := columns([]record.Metric{
		{Name: "run_ms", Kind: record.KindScalar, Unit: "ms"},
		{Name: "run_s", Kind: record.KindScalar, Unit: "s"},
		{Name: "run", Kind: record.KindHistogram, Unit: "ms"},
	})
	seen := make(map[string]bool)
	for _, c := range all {
		if seen[c.unit] {
			t.Errorf("two columns are %s", c.unit)
		}
		seen[c.unit] = true
	}
	if len(all) != 2+len(exported) {
		t.Errorf("%d columns", len(all))
	}
}

// A millisecond and less are written as such once a prefix is before the unit.
func TestScaledValues(t *testing.T) {
	all := columns([]record.Metric{{Name: "response", Kind: record.KindHistogram, Unit: "ms"}})
	for ms, want := range map[float64]string{0.29: "290.0µ", 1.631: "1.631m", 2500: "2.500"} {
		v := all[0].scale(ms)
		if got := benchunit.Scale(v, benchunit.ClassOf(all[0].unit)); got != want || all[0].unit != "response-mean-sec" {
			t.Errorf("%v ms are %s %s, want %s", ms, got, all[0].unit, want)
		}
	}
	b := columns([]record.Metric{{Name: "peak_mb", Kind: record.KindScalar, Unit: "MB"}})[0]
	if got := benchunit.Scale(b.scale(64*1.048576), benchunit.ClassOf(b.unit)); got != "64.00Mi" || math.IsNaN(b.scale(0)) {
		t.Errorf("64 MiB are %s %s", got, b.unit)
	}
}
