package load

import "dyno/internal/record"

// witness sums up operations one by one for a digest, where there are too many
// to keep their spans. As [Digest] does it shares no code with what makes the
// figures, on purpose.
type witness struct {
	response, service, lag running
	sent, answered         int64
}

// running is what can be said of durations, in nanoseconds, without keeping them.
type running struct{ count, sum, least, most int64 }

func (r *running) add(ns int64) {
	if r.count == 0 || ns < r.least {
		r.least = ns
	}
	if r.count == 0 || ns > r.most {
		r.most = ns
	}
	r.count++
	r.sum += ns
}

func (r *running) digest() record.SpanDigest {
	return record.SpanDigest{Count: r.count, Sum: float64(r.sum), Min: r.least, Max: r.most}
}

// see takes in an operation that was sent at a time, in the window of s.
func (w *witness) see(s *sums, span record.Span, sent int64) {
	began := span.Begin >= s.begin && span.Begin < s.end
	ended := span.End > s.begin && span.End <= s.end || span.End == 0 && s.begin == 0
	ok := span.Outcome == record.OK
	if ok && ended {
		w.answered++
	}
	if s.open && !began || !s.open && !ended {
		return
	}
	w.sent++
	w.lag.add(sent - span.Begin)
	if ok {
		w.response.add(span.End - span.Begin)
		w.service.add(span.End - sent)
	}
}

// digests are those of the folded operations, to be pooled with those of the
// others; percentiles are not known. They have no window of their own.
func (f Folded) digests() map[string]record.SpanDigest {
	w := &f.witness
	d := w.response.digest()
	d.Sent, d.Answered = w.sent, w.answered
	d.Area = float64(f.area())
	d.Fringe = d.Sum - d.Area
	if !f.open { // it offers what it sends
		d.Offered = w.sent
		return map[string]record.SpanDigest{DigestLatency: d}
	}
	return map[string]record.SpanDigest{DigestLatency: d, DigestService: w.service.digest(), DigestLag: w.lag.digest()}
}
