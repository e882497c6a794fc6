package load_test

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dyno/bench/load"
	"dyno/internal/record"
)

// uneven answers after a time, from a target and with an outcome that depend on
// how many calls there were: the same in every run of one client.
func uneven() load.Op {
	var calls atomic.Int64
	return func(context.Context, int) (int32, record.Outcome) {
		n := calls.Add(1)
		time.Sleep(time.Duration(1+n*n%17) * ms)
		outcomes := []record.Outcome{record.OK, record.OK, record.OK, record.Refused, record.OK, record.Failed, record.OK, record.Unknown}
		return int32(n % 3), outcomes[n%8]
	}
}

// A run that has no room for its spans reports what one with room does, and its
// checks hold.
func TestFoldedRunsReportTheSame(t *testing.T) {
	closed := load.Closed{Clients: 1, Warmup: 100 * ms, Length: 3 * time.Second}
	requests := load.Closed{Clients: 1, Requests: 500}
	constant := load.Open{Arrivals: "poisson", Seed: 7, Rate: 120, Warmup: 100 * ms, Length: 3 * time.Second, MaxInFlight: 8}
	for name, measure := range map[string]func(t *testing.T, room int) load.Result{
		"closed":   func(t *testing.T, room int) load.Result { c := closed; c.MaxSpans = room; return run(t, c, uneven()) },
		"requests": func(t *testing.T, room int) load.Result { c := requests; c.MaxSpans = room; return run(t, c, uneven()) },
		"open": func(t *testing.T, room int) load.Result {
			o := constant
			o.MaxSpans = room
			return open(t, o, taking(9*ms))
		},
	} {
		t.Run(name, func(t *testing.T) {
			whole := measure(t, 0)
			if whole.Folded.Count() != 0 {
				t.Fatalf("%d of %d were folded with room for all", whole.Folded.Count(), whole.Counts.Sent)
			}
			for _, room := range []int{8, 70, 200} {
				r := measure(t, room)
				if n := len(r.Spans); n > room+8 || int64(n)+r.Folded.Count() != r.Counts.Sent || r.Folded.Count() == 0 {
					t.Errorf("room for %d: %d spans and %d folded of %d", room, n, r.Folded.Count(), r.Counts.Sent)
				}
				checks := []record.Check{r.CheckLittle(), r.CheckCounts()}
				if r.Schedule != nil {
					checks = append(checks, r.CheckSchedule())
				}
				for _, c := range checks {
					if c.Status != record.Valid || !strings.Contains(c.Detail, "from running sums") {
						t.Errorf("room for %d: %+v; want it valid and to say what it rests on", room, c)
					}
				}
				sum := r.Summary()
				if v := onTheRoad(sum); v.Status != record.Valid {
					t.Errorf("room for %d: %v", room, v.Reasons())
				}
				sum.Latency = record.NewHistogram()
				for range r.Window.OK {
					sum.Latency.Record(whole.Latency.Mean() / 2)
				}
				if v := onTheRoad(sum); v.Status != record.Invalid {
					t.Errorf("room for %d: latencies are halved, and the laws are %s", room, v.Status)
				}
				r.Spans, r.SentNS, r.Folded = whole.Spans, whole.SentNS, whole.Folded
				r.Begin, r.End = whole.Begin, whole.End
				if !reflect.DeepEqual(r, whole) {
					t.Errorf("room for %d:\ngot  %+v\nwant %+v", room, r, whole)
				}
			}
		})
	}
}

// With many clients at once, in real time: the checks hold to the nanosecond.
func TestFoldedInRealTime(t *testing.T) {
	var told atomic.Int64
	r, err := load.Closed{
		Clients: 16, Warmup: 5 * ms, Length: 50 * ms, MaxSpans: 64,
		Each: func(record.Span) { told.Add(1) },
	}.Run(t.Context(), func(_ context.Context, client int) (int32, record.Outcome) {
		time.Sleep(100 * time.Microsecond)
		return int32(client % 3), record.OK
	})
	if err != nil {
		t.Fatal(err)
	}
	if v := record.Judge(r.CheckCounts(), r.CheckLittle()); v.Status != record.Valid {
		t.Error(v.Reasons())
	}
	if r.Folded.Count() == 0 || told.Load() != r.Counts.Sent {
		t.Errorf("%d folded; %d of %d operations told", r.Folded.Count(), told.Load(), r.Counts.Sent)
	}
}

// The sums of folded operations, wronged in one place: which check must notice.
func TestFoldedMutants(t *testing.T) {
	const kept = 5
	for what, m := range map[string]struct{ little, counts, schedule bool }{
		"none":      {},
		"sojourn":   {little: true},
		"start":     {little: true},
		"end":       {little: true},
		"both ends": {little: true},
		"count":     {counts: true},
		"outcome":   {counts: true},
		"intended":  {schedule: true},
		"early":     {schedule: true},
	} {
		t.Run(what, func(t *testing.T) {
			r := lateRun(t)
			r.Fold(kept)
			if what != "none" {
				r.Folded.Wrong(what)
			}
			expect(t, r.CheckLittle(), m.little)
			expect(t, r.CheckCounts(), m.counts)
			expect(t, r.CheckSchedule(), m.schedule)
		})
	}
}

// Each span, wronged in one place before it is folded.
func TestFoldedSpanMutants(t *testing.T) {
	const in, kept = 10, 5
	for name, m := range map[string]struct {
		mutate                   func(*load.Result)
		little, counts, schedule bool
	}{
		"a span is lost": {func(r *load.Result) {
			r.Spans, r.SentNS = slices.Delete(r.Spans, in, in+1), slices.Delete(r.SentNS, in, in+1)
		}, true, true, true},
		"a span is doubled": {func(r *load.Result) {
			r.Spans, r.SentNS = append(r.Spans, r.Spans[in]), append(r.SentNS, r.SentNS[in])
		}, true, true, true},
		"a span ends late":               {func(r *load.Result) { r.Spans[in].End++ }, true, false, false},
		"a span ends before it is":       {func(r *load.Result) { s := &r.Spans[in]; s.Begin, s.End = s.End, s.Begin }, true, false, true},
		"a span begins when it was sent": {func(r *load.Result) { s := lateOne(r); r.Spans[s].Begin = r.SentNS[s] }, true, false, true},
		"a span is moved as a whole":     {func(r *load.Result) { r.Spans[in].Begin++; r.Spans[in].End++ }, false, false, true},
		"a span has another one's start": {func(r *load.Result) { r.Spans[in].Begin = r.Spans[in+1].Begin }, true, false, true},
		"it was sent too early":          {func(r *load.Result) { r.SentNS[in] = r.Spans[in].Begin - 1 }, false, false, true},
		"an outcome is wrong":            {func(r *load.Result) { r.Spans[in].Outcome = record.Failed }, false, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := lateRun(t)
			m.mutate(&r)
			r.Fold(kept)
			expect(t, r.CheckLittle(), m.little)
			expect(t, r.CheckCounts(), m.counts)
			expect(t, r.CheckSchedule(), m.schedule)
		})
	}
}

// The digests of folded operations are those of their spans, but for percentiles.
func TestFoldedDigests(t *testing.T) {
	closed := run(t, load.Closed{Clients: 1, Warmup: 100 * ms, Length: time.Second}, uneven())
	for name, r := range map[string]load.Result{"closed": closed, "open": lateRun(t)} {
		want := r.Summary().Digests
		for _, kept := range []int{0, 7, len(r.Spans) - 1} {
			folded := r
			folded.Fold(kept)
			got := folded.Summary().Digests
			if len(got) != len(want) {
				t.Errorf("%s, %d kept: digests %v", name, kept, got)
			}
			for which, w := range want {
				w.Quantiles = nil
				if !reflect.DeepEqual(got[which], w) {
					t.Errorf("%s, %d kept, %s:\ngot  %+v\nwant %+v", name, kept, which, got[which], w)
				}
			}
		}
	}
}

// A search counts what came in time whether or not there is room for spans.
func TestFoldedSearch(t *testing.T) {
	s := load.Search{
		Goal: load.Goal{Below: 20 * ms, From: 200, To: 400, Probes: 3}, Arrivals: "constant", Seed: 1, Length: 2 * time.Second,
	}
	whole := search(t, s, taking(5*ms))
	s.MaxSpans = 200
	synctest.Test(t, func(t *testing.T) {
		s.Alarm = func() (load.Alarm, error) { return load.NewCoarseAlarm(), nil }
		got, err := s.Run(t.Context(), taking(5*ms))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got.Knee, whole.Knee) {
			t.Errorf("got  %+v\nwant %+v", got.Knee, whole.Knee)
		}
	})
}
