package load_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"dyno/bench/load"
	"dyno/internal/record"
)

// lateRun is an open loop of which some operations were sent late, some are
// outside the window, and some were not sent at all.
func lateRun(t *testing.T) load.Result {
	t.Helper()
	var r load.Result
	synctest.Test(t, func(t *testing.T) {
		o := load.Open{Arrivals: "constant", Rate: 100, Warmup: 45 * ms, Length: 255 * ms, MaxInFlight: 2}
		o.Alarm = &sleepy{Alarm: load.NewCoarseAlarm(), oversleep: map[int]time.Duration{9: 4 * ms, 10: 24 * ms}}
		var err error
		if r, err = o.Run(t.Context(), taking(17*ms)); err != nil {
			t.Fatal(err)
		}
	})
	if r.LagNS == 0 || r.Counts.Offered != 30 || r.Counts.Sent == 30 || r.Window.Offered != 25 {
		t.Fatalf("lag %d ns, %+v: the mutants need something of everything", r.LagNS, r.Counts)
	}
	return r
}

// A right result of an open loop, wronged in one place: which check must
// notice.
func TestOpenMutants(t *testing.T) {
	const in = 10 // a span of slot 0 that lies in the window
	for name, m := range map[string]struct {
		mutate                   func(*load.Result)
		little, counts, schedule bool // must find it
	}{
		"none": {func(*load.Result) {}, false, false, false},
		"a span is lost": {func(r *load.Result) {
			r.Spans, r.SentNS = slices.Delete(r.Spans, in, in+1), slices.Delete(r.SentNS, in, in+1)
		}, true, true, true},
		"a span is doubled": {func(r *load.Result) {
			r.Spans, r.SentNS = append(r.Spans, r.Spans[in]), append(r.SentNS, r.SentNS[in])
		}, true, true, true},
		"a span ends late":                 {func(r *load.Result) { r.Spans[in].End++ }, true, false, false},
		"a span begins when it was sent":   {func(r *load.Result) { s := lateOne(r); r.Spans[s].Begin = r.SentNS[s] }, true, false, true},
		"a span is moved as a whole":       {func(r *load.Result) { r.Spans[in].Begin++; r.Spans[in].End++ }, false, false, true},
		"a span has another one's start":   {func(r *load.Result) { r.Spans[in].Begin = r.Spans[in+1].Begin }, true, false, true},
		"it was sent too early":            {func(r *load.Result) { r.SentNS[in] = r.Spans[in].Begin - 1 }, false, false, true},
		"a gap is lost":                    {func(r *load.Result) { r.IdleNS-- }, true, false, false},
		"lag is lost":                      {func(r *load.Result) { r.LagNS-- }, true, false, false},
		"an arrival is left out":           {func(r *load.Result) { r.Counts.Offered--; r.Window.Offered-- }, false, false, true},
		"an arrival is invented":           {func(r *load.Result) { r.Counts.Offered++; r.Window.Offered++ }, false, false, true},
		"an arrival was not in the window": {func(r *load.Result) { r.Window.Offered-- }, false, false, true},
		"more was sent than offered":       {func(r *load.Result) { r.Counts.Offered = r.Counts.Sent - 1 }, false, true, true},
		"the schedule was another":         {func(r *load.Result) { r.Schedule = &load.Schedule{Arrivals: "constant", Rate: 101} }, false, false, true},
		"a latency is not recorded":        {func(r *load.Result) { r.Latency = record.NewHistogram() }, false, true, false},
		"a service time is not recorded":   {func(r *load.Result) { r.Service = record.NewHistogram() }, false, true, false},
		"a lag is not recorded":            {func(r *load.Result) { r.Lag = record.NewHistogram() }, false, true, false},
		"an outcome is wrong":              {func(r *load.Result) { r.Spans[in].Outcome = record.Failed }, false, true, false},
		"a target counts too much":         {func(r *load.Result) { t := r.Targets[0]; t.Counts.OK++; t.Counts.Sent++; r.Targets[0] = t }, false, true, false},
		"a slot is not there":              {func(r *load.Result) { r.Clients++ }, true, false, false},
		"an unsent one is counted as sent": {func(r *load.Result) { r.Counts.OK++; r.Counts.Sent++ }, false, true, false},
		"it was sent later than it says":   {func(r *load.Result) { r.SentNS[in]++ }, false, false, false}, // found by none: SentNS is for histograms only
	} {
		t.Run(name, func(t *testing.T) {
			r := lateRun(t)
			m.mutate(&r)
			expect(t, r.CheckLittle(), m.little)
			expect(t, r.CheckCounts(), m.counts)
			expect(t, r.CheckSchedule(), m.schedule)
		})
	}
}

// lateOne finds an operation that was sent late, in the window.
func lateOne(r *load.Result) int {
	for i, s := range r.Spans {
		if r.SentNS[i] > s.Begin && s.Begin >= r.BeginNS {
			return i
		}
	}
	panic("none was late")
}

// A generator that waits for the answer before it takes up the schedule again
// offers less than it was to: coordinated omission, in its crudest form.
func TestScheduleCatchesOmission(t *testing.T) {
	r := lateRun(t)
	var kept []record.Span
	var sent []int64
	for i, s := range r.Spans {
		if r.SentNS[i] == s.Begin { // the late ones were never noticed
			kept, sent = append(kept, s), append(sent, r.SentNS[i])
		}
	}
	r.Counts.Offered -= int64(len(r.Spans) - len(kept))
	r.Spans, r.SentNS = kept, sent
	expect(t, r.CheckSchedule(), true)
}

func TestOpenSummaryCrossesAProcessBorder(t *testing.T) {
	r := lateRun(t)
	want := r.Summary()
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got load.Summary
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got.Service.Count() != r.Window.OK || got.Lag.Count() != r.Window.Sent || got.Lag.Max() != r.Lag.Max() {
		t.Errorf("service of %d, lag of %d up to %v", got.Service.Count(), got.Lag.Count(), got.Lag.Max())
	}
	if !reflect.DeepEqual(got.Flags(), want.Flags()) || len(got.Flags()) == 0 {
		t.Errorf("flags %+v, want %+v", got.Flags(), want.Flags())
	}
	for _, s := range []*load.Summary{&got, &want} {
		s.Latency, s.Service, s.Lag = nil, nil, nil
	}
	if !reflect.DeepEqual(got, want) || len(got.Checks) != 3 || got.Schedule == nil {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestNoFlags(t *testing.T) {
	r := open(t, constant(100), taking(5*ms))
	s := r.Summary()
	if f := s.Flags(); len(f) != 0 {
		t.Errorf("a good measurement is flagged: %+v", f)
	}
	r = run(t, load.Closed{Clients: 1, Length: 100 * ms}, taking(5*ms))
	s = r.Summary()
	if f := s.Flags(); f != nil || s.Offered != s.Sent || s.Service != nil {
		t.Errorf("a closed loop is flagged: %+v; offered %v, sent %v", f, s.Offered, s.Sent)
	}
}
