package load

import (
	"fmt"

	"dyno/internal/record"
)

// Folded is what is left of the operations whose spans were not kept, since
// MaxSpans others were: sums that grew as they ended. The zero value is of none.
type Folded struct{ *sums }

// Count is how many operations were folded.
func (f Folded) Count() int64 {
	if f.sums == nil {
		return 0
	}
	return f.counts.Sent
}

// area is that under the number in flight, as a running integral: each end adds
// its time, each start takes its own away.
func (f Folded) area() int64 { return f.departures - f.arrivals }

// take adds what is folded to the sums of the spans that were kept.
func (s *sums) take(f Folded) {
	if f.sums == nil {
		return
	}
	for id, from := range f.targets {
		to := s.targets[id]
		if to == nil {
			to = new(Target)
			s.targets[id] = to
		}
		to.Counts.Add(from.Counts)
		to.Window.Add(from.Window)
		to.LatencySum += from.LatencySum
	}
	s.latency.Merge(f.latency)
	if s.open {
		s.service.Merge(f.service)
		s.lag.Merge(f.lag)
	}
	s.moments.merge(f.moments)
	s.voices.merge(f.voices)
	s.answered += f.answered
	s.sojourn += f.sojourn
	s.inTime += f.inTime
	s.prompt += f.prompt
}

// fold takes in spans of a worker that has no room for more.
func (r *run) fold(spans []record.Span, sent []int64) {
	r.folding.Lock()
	defer r.folding.Unlock()
	if r.folded.sums == nil {
		r.folded.sums = r.newSums()
	}
	r.folded.add(spans, sent)
}

func (r *run) newSums() *sums {
	s := newSums(r.begin, r.end, r.schedule != nil, r.below)
	s.moments = newMoments(r.Length, r.Step)
	return s
}

// rests says what a check rests on, when not all spans were kept.
func (r *Result) rests() string {
	n := r.Folded.Count()
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d operations from their spans, %d more, for which there was no room, from running sums", len(r.Spans), n)
}
