package lie_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"dyno/bench/lie"
	"dyno/bench/load"
	"dyno/internal/record"
)

// run is a load whose operations fail when their context has ended, and what
// they saw themselves.
func run(t *testing.T, told string) (load.Result, record.Counts) {
	t.Helper()
	var res load.Result
	var seen record.Counts
	synctest.Test(t, func(t *testing.T) {
		n := 0
		op := func(ctx context.Context, _ int) (int32, record.Outcome) {
			n++
			o := record.OK
			if ctx.Err() != nil {
				o = record.Failed
			}
			time.Sleep(time.Duration(1+n%7) * time.Millisecond)
			seen.Tally(o)
			return 0, o
		}
		var err error
		res, err = load.Closed{Clients: 1, Warmup: 50 * time.Millisecond, Length: time.Second}.Run(t.Context(), lie.Op(told, op))
		if err != nil {
			t.Fatal(err)
		}
		lie.Result(told, &res)
	})
	return res, seen
}

// Each lie changes the figures that it is about, and only them; none changes
// what happened.
func TestLies(t *testing.T) {
	honest, _ := run(t, lie.None)
	for _, told := range lie.All {
		got, seen := run(t, told)
		if !slices.Equal(got.Spans, honest.Spans) && told != lie.ErrorsAsOK {
			t.Errorf("%s: the spans are others", told)
		}
		what := map[string]bool{
			"mean":  got.Latency.Mean() != honest.Latency.Mean(),
			"tail":  got.Latency.Max() < honest.Latency.Max(),
			"count": got.Latency.Count() != honest.Latency.Count(),
			"rate":  got.Answered != honest.Answered,
			"ok":    got.Counts.OK != seen.OK,
			"cpu":   lie.CPU(told, 0, 8) != 8,
			"cpus":  lie.CPU(told, 1, 8) != 8,
			"set":   lie.Rate(told, 10) != 10,
		}
		for _, same := range map[string][]string{
			lie.None:           {},
			lie.HalvedLatency:  {"mean", "tail"},
			lie.CutTail:        {},
			lie.LeftOutSlow:    {"mean", "count", "rate"},
			lie.FasterRate:     {"set"},
			lie.ErrorsAsOK:     {"ok"},
			lie.HalvedCPU:      {"cpu", "cpus"},
			lie.UnsampledChild: {"cpu"},
		}[told] {
			if !what[same] {
				t.Errorf("%s does not change: %s", told, same)
			}
			delete(what, same)
		}
		delete(what, "tail") // which a lie may leave as it was or not
		for other, changed := range what {
			if changed {
				t.Errorf("%s changes: %s", told, other)
			}
		}
	}
}

// Of durations that are all different the tail is cut.
func TestCutTail(t *testing.T) {
	r := load.Result{EndNS: 1e9, Latency: record.NewHistogram()}
	for i := range int64(1000) {
		r.Spans = append(r.Spans, record.Span{End: 1e6 * (i + 1) / 2, Begin: 0, Outcome: record.OK})
	}
	lie.Result(lie.CutTail, &r)
	if got := r.Latency.Max().Round(time.Millisecond); got != 495*time.Millisecond || r.Latency.Count() != 1000 {
		t.Errorf("the longest of %d is %v", r.Latency.Count(), got)
	}
}
