package compare_test

import (
	"maps"
	"strings"
	"testing"

	"dyno/internal/compare"
	"dyno/internal/record"
)

// stored makes a run of two cells whose machine is so many times as slow, with
// yardsticks or without.
func stored(dir string, blocks int, slow float64, yardsticks bool) compare.Run {
	r := compare.Run{Dir: dir, Run: record.Run{
		Experiment: record.Experiment{Name: "pair", Core: []record.Sweep{{{Knob: "clients", Levels: []string{"1", "2"}}}}},
		Metrics:    metrics,
	}}
	for block := 1; block <= blocks; block++ {
		noise := record.Noise{Block: block}
		if yardsticks {
			values := make(map[string]float64)
			for _, m := range record.YardstickMetrics {
				values[m.Name] = 50 * slow
			}
			values[record.GRPCRate] = 20000 / slow
			noise.Yardsticks = &record.Yardsticks{Values: values, Checked: 1}
		}
		r.Run.Blocks = append(r.Run.Blocks, noise)
		for _, cell := range []int{2, 1} { // in an order of chance
			t := trial(block, 1000/slow)
			t.Cell, t.Values = cell, record.Values{"clients": string(rune('0' + cell)), "payload": "16"}
			r.Trials = append(r.Trials, t)
		}
	}
	r.Run.Attach(r.Trials)
	return r
}

func beside(old, now compare.Run) *compare.Stored {
	return compare.Beside([]compare.Run{old}, []compare.Run{now})
}

// A machine of half the speed changes all levels and no ratio.
func TestYardsticksTakeTheMachineOut(t *testing.T) {
	s := beside(stored("a", 6, 1, true), stored("b", 7, 2, true))
	if len(s.Experiments) != 1 || len(s.Notes) != 0 {
		t.Fatalf("%+v", s)
	}
	e := s.Experiments[0]
	if e.Runs[1].Blocks != 7 || len(e.Yardsticks) != len(record.YardstickMetrics) || len(e.Rows) != 10 {
		t.Errorf("%+v", e)
	}
	if e.Rows[0].Cell != "clients=1" || e.Rows[1].Cell != "clients=2" {
		t.Errorf("cells in the order %s, %s; want that of the file", e.Rows[0].Cell, e.Rows[1].Cell)
	}
	for _, row := range e.Rows {
		switch row.Metric {
		case "throughput_rps":
			if row.Per != record.GRPCRate || row.Levels[0].Median != 2*row.Levels[1].Median || row.Ratios[0].Median != 0.05 || row.Ratios[1].Median != 0.05 {
				t.Errorf("%+v", row)
			}
		case "response.p50": // 4 ms of 50 µs
			if row.Per != record.GRPCMedian || row.Ratios[0].Median < 79.9 || row.Ratios[0].Median > 80.1 || row.Blocks != [2]int{6, 7} {
				t.Errorf("%+v %+v", row, row.Ratios[0])
			}
		case "server_cores / throughput_rps":
			if row.Per != record.GRPCCPU {
				t.Errorf("%+v", row)
			}
		case "share":
			if row.Per != "" || row.Ratios[0] != nil {
				t.Errorf("%+v", row)
			}
		}
	}
	if text := s.String(); !strings.HasSuffix(text, "\n"+s.Words+"\n") || !strings.Contains(text, "not judged") {
		t.Errorf("%s", text)
	}
}

func TestStoredRunsThatDiffer(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*compare.Run)
		rows   int
		said   string
	}{
		{"no yardstick", func(r *compare.Run) { *r = stored("b", 6, 1, false) }, 10, "b holds no yardstick"},
		{"another cell", func(r *compare.Run) {
			for _, tr := range r.Trials {
				if tr.Cell == 2 {
					tr.Values["clients"] = "9"
				}
			}
		}, 5, "clients=2: not in the second run"},
		{"a knob of later", func(r *compare.Run) {
			for _, tr := range r.Trials {
				tr.Values["fresh"] = "1"
			}
		}, 10, ""},
		{"a knob of later that is swept", func(r *compare.Run) {
			for _, tr := range r.Trials[:len(r.Trials):len(r.Trials)] {
				double := *tr
				double.Cell, double.Values = tr.Cell+2, maps.Clone(tr.Values)
				tr.Values["fresh"], double.Values["fresh"] = "1", "2"
				r.Trials = append(r.Trials, &double)
			}
		}, 0, "several cells differ only in knobs"},
		{"another metric", func(r *compare.Run) { r.Run.Metrics = metrics[1:] }, 6, "throughput_rps is not declared alike"},
		{"invalid trials", func(r *compare.Run) {
			r.Trials[0].Observation.Verdict = record.Judge(record.Fail("answers", 1, "wrong"))
		}, 10, "b, pair: 1 of 12 trials are not valid"},
		{"another experiment", func(r *compare.Run) { r.Run.Experiment.Name = "other" }, 0, "nothing to compare"},
	} {
		now := stored("b", 6, 1, true)
		c.change(&now)
		s := beside(stored("a", 6, 1, true), now)
		rows := 0
		for _, e := range s.Experiments {
			rows += len(e.Rows)
		}
		if text := s.String(); rows != c.rows || !strings.Contains(text, c.said) {
			t.Errorf("%s: %d rows, want %d and %q:\n%s", c.name, rows, c.rows, c.said, text)
		}
	}
}

// What ran on other machines is told: the yardsticks are not theirs.
func TestOtherMachinesAreTold(t *testing.T) {
	here, far := stored("a", 6, 1, true), stored("b", 6, 1, true)
	far.Run.Environment.Machines = make([]record.Machine, 2)
	if s := beside(here, far); len(s.Notes) != 1 || !strings.Contains(s.Notes[0], "b, pair: its roles ran on 2 other machines") {
		t.Errorf("notes %q", s.Notes)
	}
}
