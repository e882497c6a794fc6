package compare_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"dyno/internal/compare"
	"dyno/internal/record"
)

// noisy is a metric of a synthetic system: its level, and how much it scatters
// within a block (standard deviation of the logarithm).
type noisy struct {
	record.Metric
	level, within float64
}

// Like echo and lookaside on a virtual machine of two cores: 3 to 12 %.
var realistic = []noisy{
	{record.Metric{Name: "throughput_rps", Unit: "req/s", Better: record.Higher}, 5000, 0.03},
	{record.Metric{Name: "p50_ms", Unit: "ms", Better: record.Lower}, 1.2, 0.05},
	{record.Metric{Name: "p99_ms", Unit: "ms", Better: record.Lower}, 9, 0.12},
	{record.Metric{Name: "cpu_us_per_request", Unit: "µs", Better: record.Lower}, 80, 0.05},
	{record.Metric{Name: "generator_us_per_request", Unit: "µs", Better: record.Lower}, 40, 0.08},
}

// world makes synthetic comparisons.
type world struct {
	rng    *rand.Rand
	cells  int
	blocks int
	drift  float64 // of a block, the same for both sides
	hiccup float64 // probability that a trial is disturbed: up to twice as slow in everything
	scale  float64 // of the noise within a block; 0 means 1
	effect map[string]float64
}

// draw makes one comparison; effect multiplies metrics of the new side.
func (w world) draw() compare.Experiment {
	e := compare.Experiment{Name: "synthetic"}
	for _, m := range realistic {
		m.Kind = record.KindScalar
		e.Metrics[0] = append(e.Metrics[0], m.Metric)
	}
	e.Metrics[1] = e.Metrics[0]
	e.Cells = make([]compare.Cell, w.cells)
	for block := 1; block <= w.blocks; block++ {
		drift := w.drift * w.rng.NormFloat64()
		for c := range e.Cells {
			e.Cells[c].Label = fmt.Sprintf("clients=%d", c+1)
			for side := range e.Cells[c].Trials {
				e.Cells[c].Trials[side] = append(e.Cells[c].Trials[side], w.trial(block, side, drift))
			}
		}
	}
	return e
}

func (w world) trial(block, side int, drift float64) *record.Trial {
	obs := &record.Observation{Verdict: record.Judge(record.Pass("answers", 1))}
	slow := drift
	if w.rng.Float64() < w.hiccup {
		slow += w.rng.Float64() * math.Ln2
	}
	for _, m := range realistic {
		scale := w.scale
		if scale == 0 {
			scale = 1
		}
		// Of two noises' quotient the scatter is √2 of one's.
		x := slow + w.rng.NormFloat64()*m.within*scale/math.Sqrt2
		if m.Better == record.Higher {
			x = -x
		}
		if f, ok := w.effect[m.Name]; ok && side == 1 {
			x += math.Log(f)
		}
		obs.Set(m.Name, m.level*math.Exp(x))
	}
	return &record.Trial{Block: block, Observation: obs}
}

// share counts how many of n comparisons find something worse.
func share(w world, n int, found func(*compare.Result) bool) float64 {
	hits := 0
	for range n {
		if found(compare.Compare([]compare.Experiment{w.draw()}, compare.Default)) {
			hits++
		}
	}
	return float64(hits) / float64(n)
}

func regression(r *compare.Result) bool { return r.Regression }

// Of binaries that are equal, a comparison finds nothing: fewer than 1 alarm in
// 200, whatever the noise, the disturbances, and the number of cells and blocks.
func TestFalseAlarms(t *testing.T) {
	const n = 1000
	for _, w := range []world{
		{cells: 1, blocks: 8},
		{cells: 2, blocks: 10},
		{cells: 5, blocks: 10, drift: 0.4},
		{cells: 2, blocks: 10, drift: 0.4, hiccup: 0.1},
		{cells: 1, blocks: 6},
		{cells: 4, blocks: 6, hiccup: 0.1},
		{cells: 2, blocks: 10, scale: 3}, // 9 to 36 %
	} {
		w.rng = rand.New(rand.NewPCG(1, uint64(w.cells*100+w.blocks)))
		got := share(w, n, regression)
		t.Logf("%d cells, %d blocks, noise × %v, %v disturbed: %.2f %% false alarms", w.cells, w.blocks, max(w.scale, 1), w.hiccup, 100*got)
		if got > 0.005 {
			t.Errorf("%+v: %.2f %% of comparisons of equal binaries find a regression", w, 100*got)
		}
	}
}

// Even when everything is worse by just the threshold, or by a hair less, the
// error that is stated holds.
func TestErrorAtTheThreshold(t *testing.T) {
	const n = 1000
	effect := make(map[string]float64)
	for _, m := range realistic {
		effect[m.Name] = 1.05
		if m.Better == record.Higher {
			effect[m.Name] = 1 / 1.05
		}
	}
	for _, w := range []world{{cells: 1, blocks: 8}, {cells: 3, blocks: 10, hiccup: 0.1}} {
		w.rng, w.effect = rand.New(rand.NewPCG(2, 2)), effect
		var stated float64
		got := share(w, n, func(r *compare.Result) bool { stated = r.FalseAlarm; return r.Regression })
		t.Logf("%d cells, %d blocks: %.2f %%, stated %.2f %%", w.cells, w.blocks, 100*got, 100*stated)
		if slack := 3 * math.Sqrt(stated/n); got > stated+slack {
			t.Errorf("%d cells: %.2f %% of comparisons at the threshold find a regression; stated is %.2f %%", w.cells, 100*got, 100*stated)
		}
	}
}

// A regression of 20 % in one metric is found, and it is that metric which is
// named.
func TestPower(t *testing.T) {
	const n = 200
	for _, c := range []struct {
		metric string
		factor float64
		world  world
		atMost float64 // comparisons that miss it
	}{
		{"throughput_rps", 1 / 1.2, world{cells: 2, blocks: 10, drift: 0.4}, 0.01},
		{"p50_ms", 1.2, world{cells: 2, blocks: 10, drift: 0.4}, 0.01},
		{"cpu_us_per_request", 1.2, world{cells: 2, blocks: 10, drift: 0.4}, 0.01},
		{"p99_ms", 1.2, world{cells: 2, blocks: 10, drift: 0.4}, 0.05},
		{"throughput_rps", 1 / 1.2, world{cells: 2, blocks: 6, drift: 0.4}, 0.01},
		{"p50_ms", 1.2, world{cells: 1, blocks: 6}, 0.05},
		{"p99_ms", 1.2, world{cells: 1, blocks: 10}, 0.35},                           // one cell and 12 % of noise: the limit of what is seen
		{"p50_ms", 1.2, world{cells: 2, blocks: 10, drift: 0.4, hiccup: 0.05}, 0.08}, // one trial in 20 disturbed
		{"p99_ms", 1.2, world{cells: 4, blocks: 10, drift: 0.4, hiccup: 0.05}, 0.03},
	} {
		c.world.rng, c.world.effect = rand.New(rand.NewPCG(3, 3)), map[string]float64{c.metric: c.factor}
		missed := 1 - share(c.world, n, func(r *compare.Result) bool {
			for _, row := range r.Rows {
				if row.Metric == c.metric && row.Verdict == compare.Worse {
					return r.Regression && strings.Contains(r.Words, c.metric)
				}
			}
			return false
		})
		t.Logf("%s × %.2f, %d cells, %d blocks: missed in %.1f %%", c.metric, c.factor, c.world.cells, c.world.blocks, 100*missed)
		if missed > c.atMost {
			t.Errorf("%s × %.2f, %+v: missed in %.1f %%, want %.1f %% at most", c.metric, c.factor, c.world, 100*missed, 100*c.atMost)
		}
	}
}
