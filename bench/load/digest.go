package load

import (
	"slices"

	"dyno/internal/record"
)

// percentiles are the ranks that a digest states exactly.
var percentiles = map[string]float64{
	"p1": 0.01, "p10": 0.10, "p25": 0.25, "p50": 0.50, "p75": 0.75,
	"p90": 0.90, "p95": 0.95, "p99": 0.99, "p999": 0.999, "p9999": 0.9999,
}

// Names of the digests: those of the histograms as systems report them.
const (
	DigestLatency = "response"
	DigestService = "service"
	DigestLag     = "lag"
)

// digests computes from the spans what the histograms should say. It shares no
// code with them, nor with [Result.measure], on purpose: whoever changes one of
// the two is contradicted by the other.
func (r *Result) digests() map[string]record.SpanDigest {
	d := Digest(r.Spans, r.BeginNS, r.EndNS, r.Schedule != nil)
	d.Offered = r.reoffered(d.Sent)
	out := map[string]record.SpanDigest{DigestLatency: d}
	if r.Schedule == nil {
		return out
	}
	var service, lag digester
	for i, s := range r.Spans {
		if s.Begin < r.BeginNS || s.Begin >= r.EndNS {
			continue
		}
		lag.add(r.SentNS[i] - s.Begin)
		if s.Outcome == record.OK {
			service.add(s.End - r.SentNS[i])
		}
	}
	out[DigestService], out[DigestLag] = service.sum(), lag.sum()
	return out
}

// reoffered counts what the load model asked for in the window. An open loop
// that was cut short asked for less than its schedule: that is not known here.
func (r *Result) reoffered(sent int64) (n int64) {
	switch {
	case r.Schedule == nil:
		return sent
	case !r.whole:
		return 0
	}
	for start := range r.Schedule.Starts() {
		if int64(start) >= r.EndNS {
			break
		}
		if int64(start) >= r.BeginNS {
			n++
		}
	}
	return n
}

// Digest sums up the spans of a window. Measured are those that began in it, if
// byStart, else those that ended in it.
func Digest(spans []record.Span, begin, end int64, byStart bool) record.SpanDigest {
	times := digester{make([]int64, 0, len(spans))}
	var sent, answered int64
	var fringe float64
	for _, s := range spans {
		began, ended := s.Begin >= begin && s.Begin < end, s.End > begin && s.End <= end || s.End == 0 && begin == 0
		fringe -= float64(max(0, min(s.End, end)-max(s.Begin, begin)))
		ok := s.Outcome == record.OK
		if ok && ended {
			answered++
		}
		if byStart && !began || !byStart && !ended {
			continue
		}
		sent++
		if ok {
			times.add(s.End - s.Begin)
			fringe += float64(s.End - s.Begin)
		}
	}
	area, _ := Little(spans, begin, end)
	d := times.sum()
	d.Area, d.Fringe, d.Window = float64(area), fringe, end-begin
	d.Sent, d.Answered = sent, answered
	return d
}

// DigestTimes sums up durations in nanoseconds, and sorts them.
func DigestTimes(times []int64) record.SpanDigest { return (&digester{times}).sum() }

// digester gathers durations in nanoseconds.
type digester struct{ times []int64 }

func (d *digester) add(ns int64) { d.times = append(d.times, ns) }

// sum sorts them, and reads everything off.
func (d *digester) sum() record.SpanDigest {
	n := len(d.times)
	out := record.SpanDigest{Count: int64(n)}
	if n == 0 {
		return out
	}
	slices.Sort(d.times)
	for _, ns := range d.times {
		out.Sum += float64(ns)
	}
	out.Min, out.Max = d.times[0], d.times[n-1]
	out.Quantiles = make(map[string]int64, len(percentiles))
	for name, q := range percentiles {
		rank := min(max(int(q*float64(n)+0.5), 1), n) // the nearest
		out.Quantiles[name] = d.times[rank-1]
	}
	return out
}

// poolDigests merges those of several windows. Exact percentiles of a whole
// cannot be had from those of its parts.
func poolDigests(all, more map[string]record.SpanDigest) map[string]record.SpanDigest {
	if all == nil {
		return more
	}
	out := make(map[string]record.SpanDigest, len(all))
	for name, a := range all {
		b := more[name]
		switch {
		case a.Count == 0:
			a.Min = b.Min
		case b.Count > 0:
			a.Min = min(a.Min, b.Min)
		}
		a.Max = max(a.Max, b.Max)
		a.Count, a.Sum, a.Window = a.Count+b.Count, a.Sum+b.Sum, a.Window+b.Window
		a.Area, a.Fringe = a.Area+b.Area, a.Fringe+b.Fringe
		a.Sent, a.Offered, a.Answered = a.Sent+b.Sent, a.Offered+b.Offered, a.Answered+b.Answered
		a.Quantiles = nil
		out[name] = a
	}
	return out
}
