package report_test

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchproc"

	"dyno/internal/record"
	"dyno/internal/report"
)

// parse reads an export with the library that benchstat reads it with.
func parse(t *testing.T, text []byte) ([]*benchfmt.Result, benchfmt.UnitMetadataMap) {
	t.Helper()
	r := benchfmt.NewReader(bytes.NewReader(text), "export")
	var out []*benchfmt.Result
	for r.Scan() {
		switch rec := r.Result().(type) {
		case *benchfmt.Result:
			out = append(out, rec.Clone())
		case *benchfmt.SyntaxError:
			t.Errorf("not Go benchmark format: %v", rec)
		}
	}
	if r.Err() != nil {
		t.Fatal(r.Err())
	}
	return out, r.Units()
}

func TestExport(t *testing.T) {
	results, units := parse(t, build(t, load(t, synthetic(t)))["results/lb-policies.txt"])
	if len(results) != 32 {
		t.Errorf("%d lines, want one for each of 32 valid trials", len(results))
	}
	names := make(map[string]int)
	for _, r := range results {
		names[r.Name.String()]++
		if len(r.Config) != 0 {
			t.Errorf("configuration %v", r.Config)
		}
		if r.Iters < 1 {
			t.Errorf("%s: %d iterations", r.Name, r.Iters)
		}
	}
	want := map[string]int{
		"LbPolicies/policy=pick_first/clients=10":         6,
		"LbPolicies/policy=round_robin/clients=10":        6,
		"LbPolicies/policy=round_robin/clients=100":       4,
		"LbPolicies/policy=least_load/clients=10":         6,
		"LbPolicies/policy=least_load/clients=100":        6,
		"LbPolicies/policy=power_of_two/clients=50":       2,
		"LbPolicies/policy=least_load/report-interval=1s": 2, // clients is not swept there
	}
	if !maps.Equal(names, want) {
		t.Errorf("lines %v, want %v", names, want)
	}
	for unit, better := range map[string]int{"throughput_rps": 1, "jain": 1, "response-p50-sec": -1, "theory_rps": 0} {
		if got := units.GetBetter(unit); got != better {
			t.Errorf("better of %s is %d, want %d", unit, got, better)
		}
	}
}

func TestExportedValues(t *testing.T) {
	results, _ := parse(t, build(t, load(t, synthetic(t)))["results/lb-policies.txt"])
	first := results[0] // pick_first, 10 clients, block 1: 16 samples
	if v, ok := first.Value("throughput_rps"); !ok || math.Abs(v-50.0/6) > 1e-9 {
		t.Errorf("throughput %v", v)
	}
	if _, ok := first.Value("response-p50-sec"); !ok {
		t.Error("p50 of 16 samples is missing")
	}
	for _, unit := range []string{"response-p90-sec", "response-p99-sec", "response-p999-sec"} {
		if v, ok := first.Value(unit); ok {
			t.Errorf("%s of 16 samples is %v", unit, v)
		}
	}
	if first.Iters != 16 {
		t.Errorf("%d iterations, want the 16 right answers", first.Iters)
	}
	if i := slices.IndexFunc(results, func(r *benchfmt.Result) bool { _, ok := r.Value("response-p99-sec"); return ok }); i < 0 {
		t.Error("no p99 anywhere")
	}
}

func TestExportedLevelsAreEscaped(t *testing.T) {
	run := lbRun()
	levels := []string{"x-10", "x_10", "a/b c", "-5", "100%", "plain-name", "", "a\u00a0b\u2028c", "日本-2", "日本-4"}
	run.Experiment.Core = []record.Sweep{{{Knob: "policy", Levels: levels}}}
	run.Experiment.Detail, run.Experiment.Figures, run.Experiment.Tables = nil, nil, nil
	report.LayOut(&run, 6, 2, record.Values{"clients": "10", "report-interval": "100ms"})
	var trials []record.Trial
	for i, level := range levels {
		tr := lbTrials()[0]
		tr.ID, tr.Cell, tr.Values = level+"!", i+1, run.Cells[i].Values
		trials = append(trials, tr)
	}
	dir := t.TempDir()
	store(t, dir, run, trials)
	results, _ := parse(t, build(t, load(t, dir))["results/lb-policies.txt"])
	var got []string
	for _, r := range results {
		base, parts := r.Name.Parts()
		if string(base) != "LbPolicies" || len(parts) != 1 {
			t.Errorf("%s has parts %q", r.Name, parts)
			continue
		}
		got = append(got, strings.TrimPrefix(string(parts[0]), "/policy="))
	}
	want := []string{"x%2D10", "x_10", "a%2Fb%20c", "%2D5", "100%25", "plain-name", "", "a%C2%A0b%E2%80%A8c", "日本%2D2", "日本%2D4"}
	if !slices.Equal(got, want) {
		t.Errorf("levels %q, want %q", got, want)
	}
}

// What benchstat would put into one row and one table: levels that end in
// digits stay apart, and a repeat of 0 stays among the others.
func TestBenchstatTellsLevelsApart(t *testing.T) {
	run := lbRun()
	levels := []string{"p-2", "p-4", "p"}
	run.Experiment.Core = []record.Sweep{{{Knob: "policy", Levels: levels}}}
	run.Experiment.Detail, run.Experiment.Figures, run.Experiment.Tables = nil, nil, nil
	run.Metrics = append(run.Metrics,
		record.Metric{Name: "mb_per_s", Kind: record.KindScalar, Unit: "MB/s"},
		record.Metric{Name: "wait_ns", Kind: record.KindScalar, Unit: "ns"})
	report.LayOut(&run, 3, 0, record.Values{"clients": "10", "report-interval": "100ms"})
	var trials []record.Trial
	for i, level := range levels {
		for block := range 3 {
			tr := lbTrials()[0]
			tr.ID, tr.Cell, tr.Block = fmt.Sprint(level, block), i+1, block+1
			tr.Seed, tr.Values = uint64(block+1), run.Cells[i].Values
			o := *tr.Observation
			o.Scalars = map[string]float64{"mb_per_s": float64(6 * block), "wait_ns": float64(block)} // the first repeat has 0
			tr.Observation = &o
			trials = append(trials, tr)
		}
	}
	dir := t.TempDir()
	store(t, dir, run, trials)
	results, _ := parse(t, build(t, load(t, dir))["results/lb-policies.txt"])
	var parser benchproc.ProjectionParser
	all, err := benchproc.NewFilter("*")
	if err != nil {
		t.Fatal(err)
	}
	by, err := parser.Parse("/policy", all)
	if err != nil {
		t.Fatal(err)
	}
	cells := make(map[string]int)
	for _, r := range results {
		for _, v := range r.Values {
			if !strings.HasPrefix(v.Unit, "response") {
				cells[by.Project(r).String()+" "+v.Unit]++
			}
		}
	}
	want := make(map[string]int)
	for _, level := range []string{"p%2D2", "p%2D4", "p"} {
		want["/policy:"+level+" B/s"], want["/policy:"+level+" wait-sec"] = 3, 3
	}
	if !maps.Equal(cells, want) {
		t.Errorf("repeats by row and unit %v, want %v", cells, want)
	}
}
