package load

import (
	"time"

	"dyno/internal/record"
	"dyno/internal/splitmix"
)

// sums are what a run reports of operations, and what its checks need to know
// of them, without the operations themselves. They take as much memory for a
// day's calls as for one.
//
// The window is the planned one. Where it ends earlier, at the last answer, no
// operation reaches beyond it, so that nothing is different.
type sums struct {
	begin, end int64 // of the window
	open       bool  // operations come from an open loop
	below      int64 // of a search: the bound on an answer's time

	counts   record.Counts // Offered is left out
	targets  map[int32]*Target
	latency  *record.Histogram
	service  *record.Histogram // of an open loop, as the next one
	lag      *record.Histogram
	answered int64 // ended in the window and were OK
	inTime   int64 // of a search: measured and OK within the bound, from the intended start
	prompt   int64 // the same from the actual start

	// For the checks. The three sums wrap around, and so do what they are
	// compared with.
	examined             int64  // operations with a part in the window
	sojourn              int64  // time in the window, operation by operation
	arrivals, departures int64  // the starts and the ends, each moved into the window: their difference is the area under the number in flight
	starts               uint64 // fingerprint of the intended starts
	early                int64  // operations that were sent before their intended start

	moments moments // step by step
	voices  voices  // when somebody was answered

	witness witness // of what the histograms say
}

func newSums(begin, end int64, open bool, below time.Duration) *sums {
	s := &sums{
		begin: begin, end: end, voices: newVoices(begin, end), open: open, below: int64(below),
		targets: make(map[int32]*Target), latency: record.NewHistogram(),
	}
	if open {
		s.service, s.lag = record.NewHistogram(), record.NewHistogram()
	}
	return s
}

// add takes in spans; sent has the actual starts, of an open loop.
func (s *sums) add(spans []record.Span, sent []int64) {
	for i, span := range spans {
		at := span.Begin
		if s.open {
			at = sent[i]
		}
		s.witness.see(s, span, at)
		s.account(span, at)
		if s.measured(span) {
			s.measure(span, at)
		}
	}
}

// account is for the checks.
func (s *sums) account(span record.Span, sent int64) {
	t := s.targets[span.Target]
	if t == nil {
		t = new(Target)
		s.targets[span.Target] = t
	}
	s.voices.hear(span)
	t.Counts.Tally(span.Outcome)
	s.counts.Tally(span.Outcome)
	in := clip(span.Begin, span.End, s.begin, s.end)
	if s.sojourn += in; in > 0 {
		s.examined++
	}
	s.arrivals += min(max(span.Begin, s.begin), s.end)
	s.departures += min(max(span.End, s.begin), s.end)
	s.starts += fingerprint(span.Begin)
	if sent < span.Begin {
		s.early++
	}
	if span.Outcome == record.OK && ended(span, s.begin, s.end) {
		s.answered++
	}
}

// measure is for the figures.
func (s *sums) measure(span record.Span, sent int64) {
	t := s.targets[span.Target]
	t.Window.Tally(span.Outcome)
	if s.open {
		s.moments.see(span.Begin-s.begin, span)
	} else {
		s.moments.see(span.End-s.begin, span)
	}
	if s.open {
		s.lag.Record(time.Duration(sent - span.Begin))
	}
	if span.Outcome != record.OK {
		return
	}
	d := span.End - span.Begin
	t.LatencySum += time.Duration(d)
	s.latency.Record(time.Duration(d))
	if s.open {
		s.service.Record(time.Duration(span.End - sent))
	}
	if d <= s.below {
		s.inTime++
	}
	if span.End-sent <= s.below {
		s.prompt++
	}
}

func (s *sums) measured(span record.Span) bool {
	if s.open {
		return span.Begin >= s.begin && span.Begin < s.end
	}
	return ended(span, s.begin, s.end)
}

// ended says whether an operation ended in the window. What ends on the
// stroke that begins it belongs to the warm-up, if there is one.
func ended(s record.Span, begin, end int64) bool {
	return s.End <= end && (s.End > begin || begin == 0)
}

// fingerprint scatters a start over 64 bits, so that sums of them differ, but
// for one in 2⁶⁴, when the starts do, in whatever order they come.
func fingerprint(at int64) uint64 { return splitmix.Mix(uint64(at)) }
