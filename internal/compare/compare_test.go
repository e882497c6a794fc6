package compare_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"dyno/internal/compare"
	"dyno/internal/record"
)

var metrics = []record.Metric{
	{Name: "throughput_rps", Kind: record.KindScalar, Unit: "req/s", Better: record.Higher},
	{Name: "response", Kind: record.KindHistogram, Unit: "ms", Better: record.Lower},
	{Name: "server_cores", Kind: record.KindScalar, Unit: "cores", Better: record.Lower},
	{Name: "share", Kind: record.KindScalar, Unit: "1", Better: record.Lower},
	{Name: "in_flight", Kind: record.KindScalar, Unit: "req"},
	{Name: "max_in_flight", Kind: record.KindVector, Unit: "req", Better: record.Lower},
}

// pair makes an experiment of some cells in which the new side's throughput is
// the old one's times a factor, at the same use of processor.
func pair(cells, blocks int, factor float64) compare.Experiment {
	e := compare.Experiment{Name: "pair", Metrics: [2][]record.Metric{metrics, metrics}}
	for c := range cells {
		cell := compare.Cell{Label: "clients=" + string(rune('1'+c))}
		for block := 1; block <= blocks; block++ {
			for side := range cell.Trials {
				rate := 1000 * float64(block) // the machine drifts
				if side == 1 {
					rate *= factor * (1 + 0.001*float64((block+c)%12)) // no two ratios alike
				}
				cell.Trials[side] = append(cell.Trials[side], trial(block, rate))
			}
		}
		e.Cells = append(e.Cells, cell)
	}
	return e
}

func trial(block int, rate float64) *record.Trial {
	obs := &record.Observation{Verdict: record.Judge(record.Pass("answers", 1))}
	obs.Set("throughput_rps", rate)
	obs.Set("server_cores", rate/1e5)
	obs.Set("share", 0.001*rate)
	obs.Set("in_flight", 3)
	obs.SetVector("max_in_flight", []string{"s1"}, []float64{rate})
	h := record.NewHistogram()
	for range 600 {
		h.Record(time.Duration(4e9 / rate))
	}
	obs.SetHistogram("response", h)
	return &record.Trial{Block: block, Observation: obs}
}

func run(e ...compare.Experiment) *compare.Result { return compare.Compare(e, compare.Default) }

func find(t *testing.T, r *compare.Result, metric, cell string) *compare.Row {
	t.Helper()
	for _, row := range r.Rows {
		if row.Metric == metric && row.Cell == cell {
			return row
		}
	}
	t.Fatalf("no row %s, %s:\n%s", metric, cell, r)
	return nil
}

func TestWhatIsJudged(t *testing.T) {
	r := run(pair(2, 10, 0.8))
	for metric, want := range map[string]compare.Verdict{
		"throughput_rps":                compare.Worse,
		"response.p50":                  compare.Worse,
		"response.p99":                  compare.Worse,
		"server_cores / throughput_rps": compare.NoChange, // less work used less processor
		"share":                         compare.NotJudged,
	} {
		for _, cell := range []string{compare.AllCells, "clients=1", "clients=2"} {
			if row := find(t, r, metric, cell); row.Verdict != want {
				t.Errorf("%s, %s is %q, want %q", metric, cell, row.Verdict, want)
			}
		}
	}
	if n := len(r.Rows); n != 15 {
		t.Errorf("%d rows, want 5 metrics in 2 cells and over all:\n%s", n, r)
	}
	if row := find(t, r, "server_cores / throughput_rps", "clients=1"); row.Unit != "µs/req" || math.Abs(row.Old.Median-10) > 1e-9 {
		t.Errorf("%+v: want 10 µs per request", row)
	}
	if row := find(t, r, "throughput_rps", compare.AllCells); row.Pairs != 20 || row.Change.Median > -19 || row.Change.Median < -20 || row.Old != nil {
		t.Errorf("%+v: want -20 %% over 20 pairs", row)
	}
	if got := compare.Judged(metrics); got != 4 {
		t.Errorf("%d metrics are judged, want 4", got)
	}
}

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		cells, blocks int
		factor        float64
		want          compare.Verdict // of throughput over all cells
		regression    bool
		words         string
	}{
		{2, 10, 0.8, compare.Worse, true, "regression: pair throughput_rps down by 19."},
		{2, 10, 1.25, compare.Better, false, "better: pair throughput_rps up by"},
		{2, 10, 0.97, compare.NoChange, false, "no regression shown"}, // within the threshold
		{2, 6, 0.8, compare.Worse, true, "regression: "},
		{1, 6, 0.8, compare.Worse, true, "regression: "},
		{1, 5, 0.8, compare.TooFew, false, "undecided: "},
		{2, 2, 0.8, compare.TooFew, false, "undecided: "},
	} {
		r := run(pair(c.cells, c.blocks, c.factor))
		cell := compare.AllCells
		if c.cells == 1 {
			cell = "clients=1"
		}
		if row := find(t, r, "throughput_rps", cell); row.Verdict != c.want {
			t.Errorf("%+v: %q", c, row.Verdict)
		}
		if r.Regression != c.regression || r.Failed() != c.regression || !strings.Contains(r.Words, c.words) {
			t.Errorf("%+v: %v, %q", c, r.Regression, r.Words)
		}
		if !strings.HasSuffix(r.String(), "\n"+r.Words+"\n") {
			t.Errorf("the words are not the last line:\n%s", r)
		}
	}
}

// The error is halved between the families, and what too few blocks cannot
// reach is said.
func TestStatedError(t *testing.T) {
	for _, c := range []struct {
		cells, blocks int
		want          float64
		single        compare.Verdict
	}{
		{2, 10, 0.05, compare.Worse},
		{2, 7, 0.05, compare.TooFew},     // 8 single tests need 9 blocks, the 4 over all cells have 14 pairs
		{1, 6, 4. / 64, compare.Worse},   // the best that there is
		{1, 7, 0.05, compare.Worse},      // 4/128
		{2, 9, 0.05, compare.Worse},      // 8/512 of 0.025
		{5, 9, 0.05, compare.TooFew},     // 20/512 is more
		{5, 10, 0.05, compare.Worse},     // 20/1024
		{2, 4, 4. / 256, compare.TooFew}, // 8 pairs over all cells
		{2, 3, 4. / 64, compare.TooFew},  // 6 pairs
		{1, 12, 0.05, compare.Worse},     //
		{12, 12, 0.05, compare.Worse},    // 48/4096
		{3, 1, 0, compare.TooFew},        // nothing is judged
		{2, 200, 0.05, compare.Worse},    // no longer counted exactly
		{20, 10, 0.05, compare.TooFew},   // 80/1024
		{20, 11, 0.05, compare.TooFew},   // 80/2048 is 0.039
		{20, 12, 0.05, compare.Worse},    // 80/4096
		{4, 10, 0.05, compare.Worse},     // 16/1024
		{3, 2, 4. / 64, compare.TooFew},  // 6 pairs
		{3, 3, 0.05, compare.TooFew},     // 9 pairs: 4/512
		{1, 1, 0, compare.TooFew},        //
		{6, 1, 4. / 64, compare.TooFew},  // six cells, one block
	} {
		r := run(pair(c.cells, c.blocks, 0.8))
		want := c.want
		if want > 0 {
			want = max(want, 0.05)
		}
		if math.Abs(r.FalseAlarm-want) > 1e-9 {
			t.Errorf("%d cells, %d blocks: false alarms at most %v, want %v", c.cells, c.blocks, r.FalseAlarm, want)
		}
		if row := find(t, r, "throughput_rps", "clients=1"); row.Verdict != c.single {
			t.Errorf("%d cells, %d blocks: a single cell is %q, want %q", c.cells, c.blocks, row.Verdict, c.single)
		}
	}
}

func TestBlocks(t *testing.T) {
	for _, c := range []struct{ overall, singles, want int }{
		{0, 0, 6}, {3, 0, 6}, {4, 0, 7}, {9, 0, 8}, {9, 18, 10}, {8, 40, 11}, {5, 1000, 12},
	} {
		if got := compare.Blocks(c.overall, c.singles, 0.05); got != c.want {
			t.Errorf("%+v: %d blocks", c, got)
		}
	}
}

func TestFailuresAreTold(t *testing.T) {
	invalid := record.Judge(record.Fail("answers", 3, "2 wrong"))
	for _, c := range []struct {
		name       string
		spoil      func(cells []compare.Cell)
		regression bool
		failed     bool
		said       string
	}{
		{"new invalid", func(c []compare.Cell) { c[0].Trials[1][3].Observation.Verdict = invalid }, true, true, "1 new invalid trial in pair, clients=1: answers is invalid: 2 wrong"},
		{"old invalid", func(c []compare.Cell) { c[0].Trials[0][3].Observation.Verdict = invalid }, false, true, "1 old invalid trial in pair"},
		{"both invalid", func(c []compare.Cell) {
			c[0].Trials[0][3].Observation.Verdict = invalid
			c[0].Trials[1][5].Observation.Verdict = invalid
		}, false, true, "(the other binary too)"},
		{"new crashed", func(c []compare.Cell) {
			c[1].Trials[1][0].Observation, c[1].Trials[1][0].Error = nil, "server died"
		}, true, true, "1 new error trial in pair, clients=2: server died"},
		{"new unknown", func(c []compare.Cell) {
			c[1].Trials[1][0].Observation.Verdict = record.Judge(record.Doubt("answers", 1, "who knows"))
		}, false, false, "1 new unknown trial"},
	} {
		e := pair(2, 10, 1)
		c.spoil(e.Cells)
		r := run(e)
		if r.Regression != c.regression || r.Failed() != c.failed {
			t.Errorf("%s: regression %v, failed %v", c.name, r.Regression, r.Failed())
		}
		if !strings.Contains(r.String(), c.said) {
			t.Errorf("%s: does not say %q:\n%s", c.name, c.said, r)
		}
		if find(t, r, "throughput_rps", compare.AllCells).Pairs > 19 {
			t.Errorf("%s: a pair without two valid trials counts", c.name)
		}
	}
}

func TestNotes(t *testing.T) {
	e := pair(1, 8, 1)
	e.Cells[0].Trials[1][2].Observation.Set("throughput_rps", 0)
	e.Metrics[1] = append([]record.Metric{{Name: "fresh_ms", Kind: record.KindScalar, Unit: "ms", Better: record.Lower}}, metrics...)
	text := run(e).String()
	for _, w := range []string{"throughput_rps: a value of 0 has no ratio: left out in 1 block\n", "fresh_ms is not declared alike"} {
		if !strings.Contains(text, w) {
			t.Errorf("does not say %q:\n%s", w, text)
		}
	}
}

// What runs the roles is part of a difference, and told; how much it links is not.
func TestOtherProgramsAreTold(t *testing.T) {
	for roles, told := range map[[2]string]string{
		{"dyno-role (32 modules)", "dyno-role (33 modules)"}:   "",
		{"", "dyno itself (90 modules)"}:                       "",
		{"dyno itself (90 modules)", "dyno-role (32 modules)"}: "pair: roles ran in dyno itself, then in dyno-role: ",
		{"dyno-role (32 modules)", ""}:                         "pair: roles ran in dyno-role, then in dyno itself: ",
	} {
		e := pair(1, 6, 1)
		e.Roles = roles
		notes := strings.Join(compare.Compare([]compare.Experiment{e}, compare.Default).Notes, "; ")
		if told == "" && strings.Contains(notes, "roles ran") || !strings.Contains(notes, told) {
			t.Errorf("%q is told as %q", roles, notes)
		}
		old, now := stored("a", 6, 1, true), stored("b", 6, 1, true)
		old.Run.Environment.Roles, now.Run.Environment.Roles = roles[0], roles[1]
		if notes := strings.Join(beside(old, now).Notes, "; "); told == "" && strings.Contains(notes, "roles ran") || !strings.Contains(notes, told) {
			t.Errorf("%q of stored runs is told as %q", roles, notes)
		}
	}
}
