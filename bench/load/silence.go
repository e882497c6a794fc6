package load

import (
	"math"
	"time"

	"dyno/internal/record"
)

const (
	slots = 1000 // a silence is measured to two of so many parts of the window

	muchSilence = 0.25 // of the window
	manyTimes   = 10   // a usual response
	rare        = 1e-6 // the chance that calls which come at random leave such a gap somewhere in a window
)

// voices are the parts of a window in which somebody was answered, however; the
// zero value takes in nothing.
type voices struct {
	begin, end int64
	heard      []bool
	answers    int64
}

func newVoices(begin, end int64) voices {
	if end <= begin || end == math.MaxInt64 { // a run of so many requests ends with an answer
		return voices{}
	}
	return voices{begin: begin, end: end, heard: make([]bool, slots)}
}

// hear takes in an operation. One that brought no answer, or an error, is none.
func (v *voices) hear(span record.Span) {
	if v.heard == nil || !ended(span, v.begin, v.end) || span.Outcome != record.OK && span.Outcome != record.Refused {
		return
	}
	part := float64(span.End-v.begin) / float64(v.end-v.begin)
	v.heard[min(int(part*slots), slots-1)] = true
	v.answers++
}

func (v *voices) merge(other voices) {
	for i, h := range other.heard {
		v.heard[i] = v.heard[i] || h
	}
	v.answers += other.answers
}

// silence is the longest stretch without an answer, nil where it is no longer than the
// load explains: a quarter of the window, ten times the fastest tenth of all responses
// (clients in step leave as much), what independent calls leave by chance, or what each
// patient client waited for more than twice: a hole keeps each waiting once. A load that
// changes with time is not judged, since it may ask for silence.
func (r *Result) silence(v voices) *record.Silence {
	if v.answers == 0 || !r.whole || r.Schedule != nil && (r.Schedule.Profile != nil || r.Schedule.Recorded > 0) {
		return nil
	}
	var from, most, run int
	for i, h := range v.heard {
		if run++; h {
			run = 0
		}
		if run > most {
			most, from = run, i+1-run
		}
	}
	window := float64(v.end - v.begin)
	chance := (math.Log(float64(v.answers)) - math.Log(rare)) / float64(v.answers)
	limit := max(muchSilence, chance, manyTimes*float64(r.Latency.Quantile(0.1))/window)
	if usual := 1 - 2*float64(r.Clients)/float64(v.answers); r.Schedule == nil {
		limit = max(limit, float64(r.Latency.Quantile(max(usual, 0)))/window)
	}
	if float64(most)/slots <= limit {
		return nil
	}
	at := func(slot int) time.Duration { return time.Duration(float64(slot) / slots * window) }
	return &record.Silence{From: at(from), To: at(from + most), Window: time.Duration(window)}
}
