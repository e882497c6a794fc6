package load_test

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"dyno/bench/load"
	"dyno/internal/record"
)

func TestLittleByHand(t *testing.T) {
	spans := []record.Span{
		{Begin: 0, End: 10},  // before and in
		{Begin: 7, End: 12},  // inside
		{Begin: 7, End: 7},   // no time at all
		{Begin: 15, End: 30}, // in and after
		{Begin: 0, End: 4},   // before
		{Begin: 21, End: 22}, // after
		{Begin: 1, End: 40},  // throughout
	}
	area, sojourn := load.Little(spans, 5, 20)
	if want := int64(5 + 5 + 5 + 15); area != want || sojourn != want {
		t.Errorf("area %d, sojourn %d; want %d", area, sojourn, want)
	}
	if area, sojourn := load.Little(nil, 5, 20); area != 0 || sojourn != 0 {
		t.Errorf("nothing: %d and %d", area, sojourn)
	}
}

// Against a third way: count, nanosecond by nanosecond, who is in.
func TestLittleAgainstCounting(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		spans := make([]record.Span, rnd.IntN(30))
		for i := range spans {
			b := rnd.Int64N(100)
			spans[i] = record.Span{Begin: b, End: b + rnd.Int64N(40)}
		}
		begin := rnd.Int64N(50)
		end := begin + rnd.Int64N(60)
		var counted int64
		for at := begin; at < end; at++ {
			for _, s := range spans {
				if s.Begin <= at && at < s.End {
					counted++
				}
			}
		}
		if area, sojourn := load.Little(spans, begin, end); area != counted || sojourn != counted {
			t.Fatalf("seed %d: area %d, sojourn %d, counted %d", seed, area, sojourn, counted)
		}
	}
}

// A right result, wronged in one place: which check must notice.
func TestMutants(t *testing.T) {
	const in = 4 // a span of client 0 that lies in the window
	for name, m := range map[string]struct {
		mutate         func(*load.Result)
		little, counts bool // must find it
	}{
		"none":                      {func(*load.Result) {}, false, false},
		"a span is lost":            {func(r *load.Result) { r.Spans = slices.Delete(r.Spans, in, in+1) }, true, true},
		"a span is doubled":         {func(r *load.Result) { r.Spans = append(r.Spans, r.Spans[in]) }, true, true},
		"a span ends late":          {func(r *load.Result) { r.Spans[in].End++ }, true, false},
		"a span ends early":         {func(r *load.Result) { r.Spans[in].End-- }, true, false},
		"a span begins early":       {func(r *load.Result) { r.Spans[in].Begin-- }, true, false},
		"a span ends before it is":  {func(r *load.Result) { s := &r.Spans[in]; s.Begin, s.End = s.End, s.Begin }, true, false},
		"a gap is lost":             {func(r *load.Result) { r.IdleNS-- }, true, false},
		"a client is not there":     {func(r *load.Result) { r.Clients++ }, true, false},
		"the window is longer":      {func(r *load.Result) { r.EndNS += int64(10 * ms) }, true, false},
		"a warm-up span is lost":    {func(r *load.Result) { r.Spans = r.Spans[1:] }, false, true},
		"an outcome is wrong":       {func(r *load.Result) { r.Spans[in].Outcome = record.Failed }, false, true},
		"a count is off":            {func(r *load.Result) { r.Counts.OK++ }, false, true},
		"counts are off alike":      {func(r *load.Result) { r.Counts.OK++; r.Counts.Sent++; r.Counts.Offered++ }, false, true},
		"a target counts too much":  {func(r *load.Result) { t := r.Targets[0]; t.Counts.OK++; t.Counts.Sent++; r.Targets[0] = t }, false, true},
		"a latency is not recorded": {func(r *load.Result) { r.Latency = record.NewHistogram() }, false, true},
		"the window counts less":    {func(r *load.Result) { r.Window.OK--; r.Window.Sent-- }, false, true},
		// What neither finds, and says so.
		"a span is moved as a whole": {func(r *load.Result) { r.Spans[in].Begin++; r.Spans[in].End++ }, false, false},
		"a span has another client":  {func(r *load.Result) { r.Spans[in].Client++ }, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, load.Closed{Clients: 3, Warmup: 25 * ms, Length: 100 * ms}, taking(10*ms))
			m.mutate(&r)
			expect(t, r.CheckLittle(), m.little)
			expect(t, r.CheckCounts(), m.counts)
		})
	}
}

func expect(t *testing.T, c record.Check, violated bool) {
	t.Helper()
	want := record.Valid
	if violated {
		want = record.Invalid
	}
	if c.Status != want || c.Examined == 0 || violated && c.Detail == "" {
		t.Errorf("%+v; want it %s", c, want)
	}
}

func TestSummaryCrossesAProcessBorder(t *testing.T) {
	r := run(t, load.Closed{Clients: 2, Warmup: 20 * ms, Length: 100 * ms}, taking(10*ms))
	want := r.Summary()
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got load.Summary
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got.Latency.Count() != 20 || got.Latency.Mean() != 10*ms {
		t.Errorf("latency of %d, mean %v", got.Latency.Count(), got.Latency.Mean())
	}
	got.Latency, want.Latency = nil, nil
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if time.Duration(got.EndUnixNS-got.BeginUnixNS) != 100*ms || len(got.Checks) != 2 {
		t.Errorf("window of %d ns, checks %v", got.EndUnixNS-got.BeginUnixNS, got.Checks)
	}
}
