package stats_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"dyno/internal/record"
	"dyno/internal/stats"
)

// trial builds a valid trial of one block.
func trial(block int) *record.Trial {
	obs := &record.Observation{Verdict: record.Judge(record.Pass("answers", 1))}
	return &record.Trial{Block: block, Observation: obs}
}

func scalars(values ...float64) []*record.Trial {
	var out []*record.Trial
	for i, v := range values {
		t := trial(i + 1)
		t.Observation.Set("x", v)
		out = append(out, t)
	}
	return out
}

// latencies builds one trial per count; block b's durations are 1 ms … n ms,
// all times b.
func latencies(counts ...int) []*record.Trial {
	var out []*record.Trial
	for i, n := range counts {
		t, h := trial(i+1), record.NewHistogram()
		for k := range n {
			h.Record(time.Duration((k+1)*(i+1)) * time.Millisecond)
		}
		t.Observation.SetHistogram("response", h)
		out = append(out, t)
	}
	return out
}

func near(a, b float64) bool { return math.Abs(a-b) <= 0.002*math.Abs(b) }

func TestSummarizeKinds(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   stats.Summary
	}{
		{[]float64{7}, stats.Summary{Center: 7, Lo: 7, Hi: 7, N: 1}},
		{[]float64{7, 3}, stats.Summary{Center: 5, Lo: 3, Hi: 7, N: 2, Kind: stats.Range}},
		{[]float64{5, 4, 3, 2, 1}, stats.Summary{Center: 3, Lo: 1, Hi: 5, N: 5, Kind: stats.Range}},
		{[]float64{6, 1, 5, 2, 4, 3}, stats.Summary{Center: 3.5, Lo: 1, Hi: 6, N: 6, Kind: stats.Interval, Confidence: 0.96875}},
	} {
		if got := stats.Summarize(c.values); got != c.want {
			t.Errorf("Summarize(%v) = %+v, want %+v", c.values, got, c.want)
		}
	}
}

func TestSummarizeLeavesItsArgumentAlone(t *testing.T) {
	values := []float64{3, 1, 2}
	stats.Summarize(values)
	if !slices.Equal(values, []float64{3, 1, 2}) {
		t.Errorf("argument became %v", values)
	}
}

func TestManyBlocksNarrowTheInterval(t *testing.T) {
	var values []float64
	for i := range 40 {
		values = append(values, float64(i))
	}
	s := stats.Summarize(values)
	if s.Kind != stats.Interval || s.Lo <= 0 || s.Hi >= 39 || s.Confidence < stats.Level {
		t.Errorf("40 values give %+v; want an interval inside the range", s)
	}
}

func TestOnlyValidTrialsCount(t *testing.T) {
	trials := scalars(10, 20, 30, 40)
	trials[1].Observation.Verdict = record.Judge(record.Fail("answers", 1, "wrong"))
	trials[2].Observation.Verdict = record.Judge(record.Doubt("answers", 1, "who knows"))
	trials = append(trials, &record.Trial{Block: 5, Error: "did not start"})
	s, err := stats.Of(trials, "x")
	if err != nil || s.N != 2 || s.Center != 25 {
		t.Errorf("got %+v, %v; want the median of 10 and 40", s, err)
	}
	for _, metric := range []string{"y", "response.p50"} {
		if _, err := stats.Of(trials, metric); !errors.Is(err, stats.ErrNoTrial) {
			t.Errorf("%s: err = %v, want ErrNoTrial", metric, err)
		}
	}
	if _, err := stats.Of(nil, "x"); !errors.Is(err, stats.ErrNoTrial) {
		t.Errorf("no trials: err = %v", err)
	}
}

func TestSupported(t *testing.T) {
	for _, c := range []struct {
		n    int64
		q    float64
		want bool
	}{
		{499, 0.99, false},
		{500, 0.99, true},
		{50, 0.9, true},
		{49, 0.9, false},
		{10, 0.5, true},
		{9, 0.5, false},
		{5000, 0.999, true},
		{4999, 0.999, false},
		{100, 0.01, false},
		{500, 0.01, true},
		{1_000_000, 0, false},
		{1_000_000, 1, false},
		{1, -1, true},
		{0, -1, false},
	} {
		if got := record.Supported(c.n, c.q); got != c.want {
			t.Errorf("Supported(%d, %v) = %v", c.n, c.q, got)
		}
	}
}

func TestQuantilesPoolTheBlocks(t *testing.T) {
	// Block 1 holds 1 … 100 ms, block 2 holds 2 … 200 ms: the median of all is
	// about 67 ms, while the mean of the blocks' medians would be 75.
	s, err := stats.Of(latencies(100, 100), "response.p50")
	if err != nil {
		t.Fatal(err)
	}
	if s.Center < 65 || s.Center > 68 {
		t.Errorf("pooled median is %v ms, want about 67", s.Center)
	}
	if s.Kind != stats.Range || !near(s.Lo, 50) || !near(s.Hi, 100) || s.N != 2 || s.Samples != 200 {
		t.Errorf("got %+v; want the range of the blocks' medians, 50 to 100", s)
	}
	mean, err := stats.Of(latencies(100, 100), "response.mean")
	if err != nil || !near(mean.Center, 75.75) {
		t.Errorf("pooled mean is %v, %v; want 75.75", mean.Center, err)
	}
}

func TestQuantileIsBoundedByTheSample(t *testing.T) {
	_, err := stats.Of(latencies(50), "response.p99")
	var few *stats.TooFew
	if !errors.As(err, &few) || few.Samples != 50 || err.Error() != "too few samples: n=50" {
		t.Errorf("p99 of 50 samples: %v", err)
	}
	// Together the blocks support p99, none alone does: no interval.
	s, err := stats.Of(latencies(300, 300), "response.p99")
	if err != nil || s.Kind != stats.Alone || s.Lo != s.Center || s.Hi != s.Center || s.N != 2 {
		t.Errorf("p99 of 2 × 300: %+v, %v; want a value alone", s, err)
	}
	if got := stats.PerBlock(latencies(300, 600), "response.p99"); len(got) != 1 || got[2] == 0 {
		t.Errorf("per block: %v; want block 2 only", got)
	}
}

func TestIntervalContainsThePooledQuantile(t *testing.T) {
	// Many small fast blocks and one big slow one: the pool sits above the
	// interval of the blocks' medians unless it is widened.
	trials := latencies(20, 20, 20, 20, 20, 20, 20, 20, 20, 5000)
	s, err := stats.Of(trials, "response.p50")
	if err != nil || s.Kind != stats.Interval {
		t.Fatalf("%+v, %v", s, err)
	}
	if s.Lo > s.Center || s.Hi < s.Center {
		t.Errorf("interval %v … %v misses %v", s.Lo, s.Hi, s.Center)
	}
}

func TestResultsDoNotDependOnTheOrderOfTrials(t *testing.T) {
	trials := latencies(101, 333, 77, 1009, 512, 90)
	want, _ := stats.Of(trials, "response.mean")
	for range 20 {
		slices.Reverse(trials)
		if got, _ := stats.Of(trials, "response.mean"); got != want {
			t.Fatalf("%+v then %+v", want, got)
		}
	}
}

func TestPerBlockRatio(t *testing.T) {
	// The machine drifts threefold between blocks; the ratio does not.
	a := map[int]float64{1: 100, 2: 300, 3: 200, 9: 1}
	b := map[int]float64{1: 50, 2: 150, 3: 100, 8: 1}
	s, err := stats.PerBlockRatio(a, b)
	if err != nil || s.Center != 2 || s.Lo != 2 || s.Hi != 2 || s.N != 3 {
		t.Errorf("got %+v, %v; want 2 from 3 blocks", s, err)
	}
	if _, err := stats.PerBlockRatio(a, map[int]float64{7: 1}); err == nil {
		t.Error("no common block, yet a ratio")
	}
	if _, err := stats.PerBlockRatio(a, map[int]float64{2: 0}); err == nil {
		t.Error("division by 0 went through")
	}
}

// The interval of a ratio holds what the signed-rank test does not reject, and
// nothing else.
func TestPerBlockRatioInvertsTheTest(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{6, 7, 9, 16, 25, 60, 61} {
		a, b, logs := map[int]float64{}, map[int]float64{}, []float64{}
		for i := range n {
			logs = append(logs, rng.NormFloat64())
			a[i], b[i] = 3*math.Exp(logs[i]), 3
		}
		s, err := stats.PerBlockRatio(a, b)
		if err != nil || s.Kind != stats.Interval || s.Confidence < stats.Level || s.Lo > s.Center || s.Hi < s.Center {
			t.Fatalf("%d blocks: %+v, %v", n, s, err)
		}
		for _, c := range []struct {
			at     float64
			inside bool
		}{{math.Log(s.Lo) - 1e-9, false}, {math.Log(s.Lo) + 1e-9, true}, {math.Log(s.Hi) - 1e-9, true}, {math.Log(s.Hi) + 1e-9, false}} {
			above, below := make([]float64, n), make([]float64, n)
			for i, x := range logs {
				above[i], below[i] = x-c.at, c.at-x
			}
			kept := 2*min(stats.SignedRank(above), stats.SignedRank(below)) > 1-stats.Level
			if n <= 60 && kept != c.inside {
				t.Errorf("%d blocks: a ratio of %v is kept by the test: %v, in the interval: %v", n, math.Exp(c.at), kept, c.inside)
			}
		}
	}
	// A zero has no logarithm, equal ratios no width.
	same, zero := map[int]float64{}, map[int]float64{}
	one := map[int]float64{}
	for i := range 8 {
		same[i], zero[i], one[i] = 0.8, float64(i), 1
	}
	if s, _ := stats.PerBlockRatio(same, one); s.Lo != 0.8 || s.Hi != 0.8 || !s.Same {
		t.Errorf("equal ratios: %+v", s)
	}
	if s, _ := stats.PerBlockRatio(zero, one); s.Lo != 0 || s.Hi < 6 || s.Kind != stats.Interval {
		t.Errorf("with a zero: %+v", s)
	}
}

func TestMembers(t *testing.T) {
	var trials []*record.Trial
	for i := range 3 {
		tr := trial(i + 1)
		tr.Observation.SetVector("load", []string{"s2", "s1"}, []float64{float64(i), 10})
		trials = append(trials, tr)
	}
	trials[2].Observation.SetVector("load", []string{"s2", "s1", "s3"}, []float64{2, 10, 5})
	got, err := stats.Members(trials, "load")
	if err != nil || len(got) != 3 {
		t.Fatalf("%+v, %v", got, err)
	}
	if got[0].Label != "s2" || got[0].Center != 1 || got[0].Lo != 0 || got[0].Hi != 2 {
		t.Errorf("s2: %+v", got[0])
	}
	if got[2].Label != "s3" || got[2].N != 1 {
		t.Errorf("s3: %+v", got[2])
	}
	if _, err := stats.Members(trials, "nothing"); !errors.Is(err, stats.ErrNoTrial) {
		t.Errorf("err = %v", err)
	}
}
