package driver

import (
	"time"

	"dyno/bench/load"
	"dyno/internal/record"
)

// Call is what another generator says of one of its calls.
type Call struct {
	At      time.Time // as it dates the call
	Latency time.Duration
	Error   string // empty: it was answered
}

// Testimony is what another generator says of a load.
type Testimony struct {
	Workers    int
	Rate       float64 // that was asked for
	Warmup     time.Duration
	Start, End time.Time
	Calls      []Call
}

// Summary is that in the form of our own generator's: calls of the warm-up count
// and are not measured.
func (t Testimony) Summary() load.Summary {
	begin := t.Start.Add(t.Warmup)
	s := load.Summary{
		Clients: t.Workers, Latency: record.NewHistogram(),
		BeginUnixNS: begin.UnixNano(), EndUnixNS: t.End.UnixNano(),
		Targets: map[int32]load.Target{},
	}
	spans := make([]record.Span, 0, len(t.Calls))
	var first time.Time
	for _, c := range t.Calls {
		o := record.OK
		if c.Error != "" {
			o = record.Unknown
		}
		sent := int64(c.At.Sub(t.Start))
		spans = append(spans, record.Span{Begin: sent, End: sent + int64(c.Latency), Outcome: o})
		s.Counts.Tally(o)
		if o != record.OK && (s.FirstError == "" || c.At.Before(first)) {
			s.FirstError, first = c.Error, c.At
		}
		if c.At.Before(begin) {
			continue
		}
		s.Window.Tally(o)
		if o == record.OK {
			s.Latency.Record(c.Latency)
		}
	}
	s.Counts.Offered, s.Window.Offered = s.Counts.Sent, s.Window.Sent
	s.Offered = t.Rate
	if window := t.End.Sub(begin).Seconds(); window > 0 {
		s.Sent, s.Throughput = float64(s.Window.Sent)/window, float64(s.Window.OK)/window
	}
	digest := load.Digest(spans, int64(t.Warmup), int64(t.End.Sub(t.Start)), true)
	digest.Answered = digest.Count // its rate is that of the calls it lists
	s.Digests = map[string]record.SpanDigest{load.DigestLatency: digest}
	return s
}
