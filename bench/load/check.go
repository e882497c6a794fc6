package load

import (
	"fmt"
	"slices"

	"dyno/internal/record"
)

// Little computes in two independent ways, in nanoseconds, the time that
// operations spent in the system between begin and end: as the area under the
// number in the system, by a sweep over its changes, and as the sum of the
// operations' times in it, each clipped to the window. Divided by the
// window's length both are Little's L = λW, and they are equal to the
// nanosecond for any set of operations that end after they begin.
func Little(spans []record.Span, begin, end int64) (areaNS, sojournNS int64) {
	arrivals, departures := make([]int64, len(spans)), make([]int64, len(spans))
	for i, s := range spans {
		sojournNS += clip(s.Begin, s.End, begin, end)
		arrivals[i] = min(max(s.Begin, begin), end)
		departures[i] = min(max(s.End, begin), end)
	}
	slices.Sort(arrivals)
	slices.Sort(departures)
	var in, a, d int
	at := begin
	for a < len(arrivals) || d < len(departures) {
		next := end
		if a < len(arrivals) {
			next = arrivals[a]
		}
		if d < len(departures) {
			next = min(next, departures[d])
		}
		areaNS += int64(in) * (next - at)
		at = next
		for ; a < len(arrivals) && arrivals[a] == at; a++ {
			in++
		}
		for ; d < len(departures) && departures[d] == at; d++ {
			in--
		}
	}
	return areaNS, sojournNS
}

// CheckLittle is the check "little". It fails when the two computations of
// [Little] differ, and when the clients' time in the window does not consist,
// to the nanosecond, of the time in operations (from the spans) and the time
// between them (which the clients summed up while they ran).
//
// It catches a span that is lost, doubled, longer or shorter than it was, or
// ends before it begins. It cannot catch what leaves the time in the window
// as it is: a span outside the window, one that was moved as a whole, a wrong
// outcome, target or client. [Result.CheckCounts] catches the lost, the doubled
// and the wrong outcome among these.
func (r *Result) CheckLittle() record.Check {
	const name = "little"
	var examined int64
	for _, s := range r.Spans {
		if clip(s.Begin, s.End, r.BeginNS, r.EndNS) > 0 {
			examined++
		}
	}
	area, sojourn := Little(r.Spans, r.BeginNS, r.EndNS)
	if area != sojourn {
		return record.Fail(name, examined, "the area under the number in flight is %d ns, the operations' times sum up to %d ns", area, sojourn)
	}
	window := r.EndNS - r.BeginNS
	if total := int64(r.Clients) * window; area+r.IdleNS != total {
		return record.Fail(name, examined, "%d clients had %d ns in the window, but spent %d ns in operations and %d ns between them: %+d ns",
			r.Clients, total, area, r.IdleNS, area+r.IdleNS-total)
	}
	c := record.Pass(name, examined)
	c.Detail = fmt.Sprintf("%.4g of %d clients in flight on average; the gaps explain the rest to the nanosecond", r.InFlight, r.Clients)
	return c
}

// CheckCounts is the check "counts": what the clients counted while they ran
// must be what the spans say, for each outcome; the targets' shares must add
// up to it; the histogram must hold the window's OK operations.
func (r *Result) CheckCounts() record.Check {
	const name = "counts"
	var spans, targets, window record.Counts
	for _, s := range r.Spans {
		spans.Tally(s.Outcome)
	}
	spans.Offered = spans.Sent
	for _, t := range r.Targets {
		targets.Add(t.Counts)
		window.Add(t.Window)
	}
	if err := r.Counts.Conform(); err != nil {
		return record.Fail(name, r.Counts.Sent, "%v", err)
	}
	for what, got := range map[string]record.Counts{"spans": spans, "targets": targets} {
		if got != r.Counts {
			return record.Fail(name, r.Counts.Sent, "the clients counted %+v, the %s say %+v", r.Counts, what, got)
		}
	}
	if window != r.Window || r.Latency.Count() != r.Window.OK {
		return record.Fail(name, r.Counts.Sent, "the window has %+v, its targets %+v, its histogram %d", r.Window, window, r.Latency.Count())
	}
	return record.Pass(name, r.Counts.Sent)
}
