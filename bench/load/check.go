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
// between them (which the clients summed up while they ran). An open loop's
// operations are in the system from their intended start; the time that they
// were sent late, which no client spent on them, is summed up apart.
//
// Of folded operations the area is a running integral: the sum of their ends less
// that of their starts, each moved into the window.
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
	if f := r.Folded; f.sums != nil {
		examined += f.examined
		area, sojourn = area+f.area(), sojourn+f.sojourn
	}
	if area != sojourn {
		return record.Fail(name, examined, "the area under the number in flight is %d ns, the operations' times sum up to %d ns", area, sojourn)
	}
	window := r.EndNS - r.BeginNS
	if total := int64(r.Clients) * window; area-r.LagNS+r.IdleNS != total {
		return record.Fail(name, examined,
			"%d clients had %d ns in the window, but spent %d ns in operations (which began %d ns late) and %d ns between them: %+d ns",
			r.Clients, total, area, r.LagNS, r.IdleNS, area-r.LagNS+r.IdleNS-total)
	}
	c := record.Pass(name, examined)
	c.Detail = fmt.Sprintf("%.4g of %d clients in flight on average; the gaps explain the rest to the nanosecond", r.InFlight, r.Clients)
	if rests := r.rests(); rests != "" {
		c.Detail += "; " + rests
	}
	return c
}

// CheckCounts is the check "counts": what the clients counted while they ran
// must be what the spans say, and those that were folded said, for each outcome;
// the targets' shares must add up to it; the histogram must hold the window's OK
// operations, and so must an open loop's other ones theirs. What an open loop
// offered beyond what it sent is for [Result.CheckSchedule] to judge.
func (r *Result) CheckCounts() record.Check {
	const name = "counts"
	var spans, targets, window record.Counts
	for _, s := range r.Spans {
		spans.Tally(s.Outcome)
	}
	if r.Folded.sums != nil {
		spans.Add(r.Folded.counts)
	}
	for _, t := range r.Targets {
		targets.Add(t.Counts)
		window.Add(t.Window)
	}
	spans.Offered, targets.Offered = spans.Sent, targets.Sent
	if r.Schedule != nil {
		spans.Offered, targets.Offered, window.Offered = r.Counts.Offered, r.Counts.Offered, r.Window.Offered
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
	if r.Schedule != nil && (r.Service.Count() != r.Window.OK || r.Lag.Count() != r.Window.Sent) {
		return record.Fail(name, r.Counts.Sent, "the window has %+v, its histogram of service %d, of lag %d", r.Window, r.Service.Count(),
			r.Lag.Count())
	}
	c := record.Pass(name, r.Counts.Sent)
	c.Detail = r.rests()
	return c
}

// CheckSchedule is the check "schedule" of an open loop. It goes through the
// schedule again: as many operations must have been offered as it has, in all
// and in the window; each operation that was sent must have been intended for
// a start of its own, and not have been sent before it; and these starts and
// those that the pacer could not serve must be all that there are. Starts are
// held against the schedule one by one where there are spans, and by the sum of
// their fingerprints, which does not depend on their order, altogether.
//
// It catches an arrival that was left out or invented, one that a slow server
// has pushed back (coordinated omission), one that was sent and whose span is
// lost, and a span moved as a whole.
func (r *Result) CheckSchedule() record.Check {
	const name = "schedule"
	starts := make([]int64, len(r.Spans))
	prints := r.unsent
	for i, s := range r.Spans {
		starts[i] = s.Begin
		prints += fingerprint(s.Begin)
		if r.SentNS[i] < s.Begin {
			return record.Fail(name, r.Counts.Offered, "an operation was sent %d ns before its intended start", s.Begin-r.SentNS[i])
		}
	}
	if f := r.Folded; f.sums != nil {
		prints += f.starts
		if f.early > 0 {
			return record.Fail(name, r.Counts.Offered, "%d operations were sent before their intended start", f.early)
		}
	}
	slices.Sort(starts)
	due := r.due(starts)
	switch {
	case due.met < len(starts):
		return record.Fail(name, due.offered,
			"an operation was intended for %d ns, which the schedule does not have, or for one that another had", starts[due.met])
	case due.offered != r.Counts.Offered || due.window != r.Window.Offered:
		return record.Fail(name, due.offered, "the schedule has %d operations, %d of them in the window; %d and %d were offered", due.offered,
			due.window, r.Counts.Offered, r.Window.Offered)
	case due.prints != prints:
		return record.Fail(name, due.offered,
			"the starts of operations that were sent, and of those that could not be, are not those of the schedule")
	}
	c := record.Pass(name, due.offered)
	c.Detail = r.rests()
	return c
}

// due is what a schedule says of a run.
type due struct {
	offered, window int64
	prints          uint64 // sum of the fingerprints of its starts
	met             int    // how many of the given starts it has, up to the first that it does not have
}

// due goes through the schedule beside sorted starts.
func (r *Result) due(starts []int64) (d due) {
	for start := range r.Schedule.Starts() {
		at := int64(start)
		if r.whole && at >= r.EndNS || !r.whole && d.offered == r.Counts.Offered {
			break
		}
		d.offered++
		d.prints += fingerprint(at)
		if at >= r.BeginNS {
			d.window++
		}
		if d.met < len(starts) && starts[d.met] == at {
			d.met++
		}
	}
	return d
}
