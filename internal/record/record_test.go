package record_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"dyno/internal/record"
)

func TestHistogramAgainstSort(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	h := record.NewHistogram()
	var all []time.Duration
	var sum float64
	for range 20_000 {
		d := time.Duration(rng.ExpFloat64() * float64(20*time.Millisecond))
		h.Record(d)
		all = append(all, d)
		sum += float64(d)
	}
	slices.Sort(all)
	for _, q := range []float64{0.01, 0.5, 0.9, 0.99, 0.999} {
		want := all[int(math.Ceil(q*float64(len(all))))-1]
		if got := h.Quantile(q); math.Abs(float64(got-want)) > 0.002*float64(want) {
			t.Errorf("q%v = %v, want %v", q, got, want)
		}
	}
	if got, want := h.Mean(), time.Duration(sum/20_000); got != want {
		t.Errorf("mean %v, want exactly %v", got, want)
	}
}

// Merging must equal recording everything in one place.
func TestHistogramMergeAndJSON(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	whole, a, b := record.NewHistogram(), record.NewHistogram(), record.NewHistogram()
	for i := range 5000 {
		d := time.Duration(rng.Int64N(int64(time.Second)))
		whole.Record(d)
		[]*record.Histogram{a, b}[i%2].Record(d)
	}
	a.Merge(b)
	text, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	var back record.Histogram
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	for _, h := range []*record.Histogram{a, &back} {
		if h.Count() != whole.Count() || h.Mean() != whole.Mean() {
			t.Errorf("count %d mean %v, want %d %v", h.Count(), h.Mean(), whole.Count(), whole.Mean())
		}
		for _, q := range []float64{0, 0.5, 0.99, 1} {
			if h.Quantile(q) != whole.Quantile(q) {
				t.Errorf("q%v = %v, want %v", q, h.Quantile(q), whole.Quantile(q))
			}
		}
	}
	if err := json.Unmarshal([]byte(`{"sum_ns":1,"hdr":"nonsense"}`), &back); err == nil {
		t.Error("nonsense was read as a histogram")
	}
}

func TestHistogramClamps(t *testing.T) {
	h := record.NewHistogram()
	h.Record(-time.Second)
	h.Record(100 * time.Hour)
	if h.Count() != 2 || h.Quantile(0) != 0 || h.Max() < record.MaxLatency-time.Minute {
		t.Errorf("count %d min %v max %v", h.Count(), h.Quantile(0), h.Max())
	}
	if e := record.NewHistogram(); e.Mean() != 0 || e.Quantile(0.5) != 0 {
		t.Error("an empty histogram has a mean or a median")
	}
}

func TestCountsConform(t *testing.T) {
	var c record.Counts
	for _, o := range []record.Outcome{record.OK, record.OK, record.Refused, record.Failed, record.Unknown, 77} {
		c.Offered++
		c.Tally(o)
	}
	if want := (record.Counts{Offered: 6, Sent: 6, OK: 2, Refused: 1, Failed: 1, Unknown: 2}); c != want {
		t.Errorf("counts %+v, want %+v", c, want)
	}
	if err := c.Conform(); err != nil {
		t.Error(err)
	}
	for name, bad := range map[string]record.Counts{
		"lost one":     {Offered: 3, Sent: 3, OK: 2},
		"one too many": {Offered: 3, Sent: 3, OK: 4},
		"never asked":  {Offered: 1, Sent: 2, OK: 2},
		"negative":     {Offered: 1, Sent: 1, OK: 2, Failed: -1},
	} {
		if bad.Conform() == nil {
			t.Errorf("%s: %+v conforms", name, bad)
		}
	}
}

func TestJudge(t *testing.T) {
	pass, doubt, fail := record.Pass("a", 1), record.Doubt("b", 1, "why"), record.Fail("c", 1, "how")
	for _, c := range []struct {
		checks []record.Check
		want   record.Status
	}{
		{nil, record.Undetermined},
		{[]record.Check{pass}, record.Valid},
		{[]record.Check{pass, doubt}, record.Undetermined},
		{[]record.Check{doubt, fail, pass}, record.Invalid},
		{[]record.Check{record.Pass("empty", 0)}, record.Undetermined}, // proves nothing
	} {
		v := record.Judge(c.checks...)
		if v.Status != c.want {
			t.Errorf("Judge(%v) = %s, want %s", c.checks, v.Status, c.want)
		}
		if err := v.Conform(); err != nil {
			t.Error(err)
		}
		if (v.Status == record.Valid) != (len(v.Reasons()) == 0 && len(c.checks) > 0) {
			t.Errorf("reasons %q for %s", v.Reasons(), v.Status)
		}
	}
	forged := record.Verdict{Status: record.Valid, Checks: []record.Check{fail}}
	if forged.Conform() == nil || (record.Verdict{}).Conform() == nil {
		t.Error("a verdict that its checks do not support conforms")
	}
}

func TestObservationConform(t *testing.T) {
	metrics := []record.Metric{
		{Name: "rate", Kind: record.KindScalar},
		{Name: "response", Kind: record.KindHistogram},
		{Name: "share", Kind: record.KindVector},
		{Name: "load", Kind: record.KindSeries},
	}
	good := func() *record.Observation {
		o := &record.Observation{Counts: record.Counts{Offered: 1, Sent: 1, OK: 1}, Verdict: record.Judge(record.Pass("a", 1))}
		o.Set("rate", 1)
		o.SetHistogram("response", record.NewHistogram())
		o.SetVector("share", []string{"s1"}, []float64{1})
		return o
	}
	if err := good().Conform(metrics); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*record.Observation){
		"undeclared": func(o *record.Observation) { o.Set("rte", 1) },
		"wrong kind": func(o *record.Observation) { o.Set("response", 1) },
		"NaN":        func(o *record.Observation) { o.Set("rate", math.NaN()) },
		"infinite":   func(o *record.Observation) { o.SetVector("share", []string{"s1"}, []float64{math.Inf(1)}) },
		"ragged":     func(o *record.Observation) { o.SetVector("share", []string{"s1"}, nil) },
		"counts":     func(o *record.Observation) { o.Counts.OK++ },
		"no verdict": func(o *record.Observation) { o.Verdict = record.Verdict{} },
		"no step":    func(o *record.Observation) { o.SetSeries("load", record.Series{Values: []float64{1}}) },
		"NaN in time": func(o *record.Observation) {
			o.SetSeries("load", record.Series{Step: 1, Values: []float64{math.NaN()}})
		},
		"odd line": func(o *record.Observation) {
			o.SetSeries("load", record.Series{Step: 1, Lines: []record.Line{{Values: []float64{1}}, {Values: []float64{1, 2}}}})
		},
		"odd phase": func(o *record.Observation) {
			o.SetSeries("load", record.Series{Step: 1, Phases: []record.Phase{{From: 2, To: 1}}})
		},
		"wrong series": func(o *record.Observation) { o.Series = map[string]record.Series{"rate": {}} },
	} {
		o := good()
		spoil(o)
		if o.Conform(metrics) == nil {
			t.Errorf("%s: conforms", name)
		}
	}
}

func TestQuantileNames(t *testing.T) {
	for text, want := range map[string]float64{"response.p50": 0.5, "response.p99": 0.99, "response.p999": 0.999, "response.p9999": 0.9999, "response.mean": -1} {
		name, q, ok := record.Quantile(text)
		if !ok || name != "response" || math.Abs(q-want) > 1e-12 {
			t.Errorf("Quantile(%s) = %s %v %v", text, name, q, ok)
		}
	}
	for _, text := range []string{"response", "response.x", "response.p", "response.px", "", ".p50"} {
		if _, _, ok := record.Quantile(text); ok {
			t.Errorf("Quantile(%q) is one", text)
		}
	}
}

func TestWhere(t *testing.T) {
	w := record.Where{"policy": {"a", "b"}, "clients": {"10"}}
	if !w.Matches(record.Values{"policy": "b", "clients": "10", "x": "y"}) || !record.Where(nil).Matches(nil) {
		t.Error("a cell that fits is refused")
	}
	if w.Matches(record.Values{"policy": "c", "clients": "10"}) || w.Matches(record.Values{"policy": "a"}) {
		t.Error("a cell that does not fit passes")
	}
}

// A line of trials.jsonl must come back as it went.
func TestTrialRoundTrip(t *testing.T) {
	o := record.Observation{Counts: record.Counts{Offered: 1, Sent: 1, OK: 1}, Verdict: record.Judge(record.Pass("a", 3))}
	o.Set("rate", 12.5)
	o.Flag("noisy", "load %.1f", 2.5)
	h := record.NewHistogram()
	h.Record(time.Millisecond)
	o.SetHistogram("response", h)
	in := record.Trial{ID: "x-b01-c001", Experiment: "x", Block: 1, Cell: 1, Values: record.Values{"k": "v"}, Seed: 1 << 63, Warmup: 0.3, Length: 1, Started: time.Unix(1, 2).UTC(), Took: 2, Observation: &o}
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var out record.Trial
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != string(again) || !reflect.DeepEqual(in.Values, out.Values) || out.Seed != in.Seed {
		t.Errorf("went %s\ncame %s", text, again)
	}
	if strings.Contains(string(text), "\n") {
		t.Error("a trial does not fit on a line")
	}
	if out.Status() != record.Valid || (&record.Trial{Error: "x"}).Status() != record.Undetermined {
		t.Error("status is lost")
	}
}
