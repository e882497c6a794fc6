package load

import "dyno/internal/record"

// Summary is a result without its spans, for a client process that hands it
// to its parent as JSON. The checks that need the spans are made before they
// are dropped.
type Summary struct {
	Clients     int               `json:"clients"`
	Schedule    *Schedule         `json:"schedule,omitempty"` // of an open loop
	Counts      record.Counts     `json:"counts"`
	Window      record.Counts     `json:"window"`
	BeginUnixNS int64             `json:"begin_unix_ns"`
	EndUnixNS   int64             `json:"end_unix_ns"`
	Offered     float64           `json:"offered_rps"`
	Sent        float64           `json:"sent_rps"`
	Throughput  float64           `json:"throughput_rps"`
	InFlight    float64           `json:"in_flight"`
	Latency     *record.Histogram `json:"latency"`
	Service     *record.Histogram `json:"service,omitempty"` // of an open loop
	Lag         *record.Histogram `json:"lag,omitempty"`     // of an open loop
	Targets     map[int32]Target  `json:"targets"`
	Checks      []record.Check    `json:"checks"` // counts, little; of an open loop also schedule

	Timeline *Timeline `json:"timeline,omitempty"` // where one was asked for

	Silence *record.Silence `json:"silence,omitempty"` // as in Result; of a search nil

	Processors int `json:"processors,omitempty"` // as in Result

	// What the histograms are held against, by the names that systems give them.
	Digests map[string]record.SpanDigest `json:"digests,omitempty"`

	// FirstError is what the first operation that was not OK ended with, where
	// whoever called kept it; empty for none.
	FirstError string `json:"first_error,omitempty"`

	// Of a search; nil for others. Counts, Targets' Counts, checks and the
	// window's ends are then those of all probes, everything else is of those
	// at the highest rate that was held.
	Knee *Knee `json:"knee,omitempty"`
}

// Summary drops the spans.
func (r *Result) Summary() Summary {
	s := Summary{
		Clients:     r.Clients,
		Schedule:    r.Schedule,
		Counts:      r.Counts,
		Window:      r.Window,
		BeginUnixNS: r.Begin.UnixNano(),
		EndUnixNS:   r.End.UnixNano(),
		Offered:     r.OfferedRate(),
		Sent:        r.SentRate(),
		Throughput:  r.Throughput(),
		InFlight:    r.InFlight,
		Latency:     r.Latency,
		Service:     r.Service,
		Lag:         r.Lag,
		Targets:     r.Targets,
		Silence:     r.Silence,
		Processors:  r.Processors,
		Digests:     r.digests(),
		Checks:      []record.Check{r.CheckCounts(), r.CheckLittle()},
	}
	if s.Timeline = r.Timeline; s.Timeline != nil {
		s.Checks = append(s.Checks, r.CheckTimeline())
	}
	if r.Schedule != nil {
		s.Checks = append(s.Checks, r.CheckSchedule())
	}
	return s
}

// Evidence is what a load's figures are held against, to which systems add what they
// know.
func (s *Summary) Evidence() *record.Evidence {
	e := &record.Evidence{Begin: s.BeginUnixNS, End: s.EndUnixNS, Spans: s.Digests, Silence: s.Silence, Facts: make(map[string]float64)}
	if s.Processors > 0 {
		e.Facts["generator_processors"] = float64(s.Processors)
	}
	return e
}
