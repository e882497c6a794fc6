package load_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"dyno/bench/evidence"
	"dyno/bench/load"
	"dyno/internal/record"
)

// laws hold the figures of a load against the digests of its spans.
var laws = []record.Metric{
	{Name: load.DigestLatency, Kind: record.KindHistogram, Road: evidence.All(evidence.Spans(), evidence.Little())},
	{Name: load.DigestService, Kind: record.KindHistogram, Road: evidence.Spans()},
	{Name: load.DigestLag, Kind: record.KindHistogram, Road: evidence.Spans()},
	{Name: "throughput", Kind: record.KindScalar, Road: evidence.Answered(load.DigestLatency)},
	{Name: "sent", Kind: record.KindScalar, Road: evidence.Sent(load.DigestLatency)},
	{Name: "offered", Kind: record.KindScalar, Road: evidence.Offered(load.DigestLatency)},
	{Name: "in_flight", Kind: record.KindScalar, Road: evidence.InFlight(load.DigestLatency)},
}

// onTheRoad is the verdict of the laws over a summary.
func onTheRoad(s load.Summary) record.Verdict {
	o := record.Observation{Evidence: &record.Evidence{Spans: s.Digests}}
	o.SetHistogram(load.DigestLatency, s.Latency)
	if s.Schedule != nil {
		o.SetHistogram(load.DigestService, s.Service)
		o.SetHistogram(load.DigestLag, s.Lag)
	}
	for name, x := range map[string]float64{"throughput": s.Throughput, "sent": s.Sent, "offered": s.Offered, "in_flight": s.InFlight} {
		o.Set(name, x)
	}
	return record.Judge(evidence.Judge(laws, &o)...)
}

// Whatever a load was, its figures and its spans say the same.
func TestDigestsAgree(t *testing.T) {
	unsteady := func(d time.Duration) time.Duration { return d + time.Duration(rand.Int64N(int64(d))) }
	closed := run(t, load.Closed{Clients: 3, Warmup: 20 * ms, Length: 200 * ms}, taking(unsteady(7*ms)))
	if v := onTheRoad(closed.Summary()); v.Status != record.Valid {
		t.Errorf("closed: %v", v.Reasons())
	}
	cold := run(t, load.Closed{Clients: 3, Length: 200 * ms}, taking(unsteady(7*ms)))
	if v := onTheRoad(cold.Summary()); v.Status != record.Valid {
		t.Errorf("without a warm-up: %v", v.Reasons())
	}
	counted := run(t, load.Closed{Clients: 3, Requests: 50}, taking(unsteady(7*ms)))
	if v := onTheRoad(counted.Summary()); v.Status != record.Valid {
		t.Errorf("so many requests: %v", v.Reasons())
	}
}

// Against a third way, by hand.
func TestDigestByHand(t *testing.T) {
	spans := []record.Span{
		{Begin: 0, End: 10, Outcome: record.OK},      // ends in the window
		{Begin: 6, End: 9, Outcome: record.OK},       // inside
		{Begin: 8, End: 25, Outcome: record.OK},      // begins in it
		{Begin: 7, End: 8, Outcome: record.Failed},   // fails in it
		{Begin: 0, End: 5, Outcome: record.OK},       // warm-up, to the stroke
		{Begin: 20, End: 21, Outcome: record.OK},     // after it
		{Begin: 1, End: 30, Outcome: record.Unknown}, // throughout
	}
	d := load.Digest(spans, 5, 20, false)
	if d.Count != 2 || d.Sum != 13 || d.Min != 3 || d.Max != 10 || d.Sent != 3 || d.Answered != 2 || d.Window != 15 {
		t.Errorf("by their ends: %+v", d)
	}
	if d.Area != 5+3+12+1+15 || d.Area+d.Fringe != d.Sum {
		t.Errorf("area %v, fringe %v", d.Area, d.Fringe)
	}
	d = load.Digest(spans, 5, 20, true)
	if d.Count != 2 || d.Sum != 20 || d.Sent != 3 || d.Answered != 2 || d.Area+d.Fringe != d.Sum {
		t.Errorf("by their beginnings: %+v", d)
	}
	if d := load.Digest(nil, 5, 20, true); d.Count != 0 || d.Quantiles != nil {
		t.Errorf("nothing: %+v", d)
	}
}

func TestDigestQuantiles(t *testing.T) {
	times := make([]int64, 1000)
	for i := range times {
		times[i] = int64(1000 - i)
	}
	d := load.DigestTimes(times)
	for name, want := range map[string]int64{"p1": 10, "p50": 500, "p99": 990, "p999": 999, "p9999": 1000} {
		if got := d.Quantiles[name]; got != want {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
	if !slices.IsSorted(times) || d.Min != 1 || d.Max != 1000 {
		t.Errorf("%d to %d", d.Min, d.Max)
	}
}
