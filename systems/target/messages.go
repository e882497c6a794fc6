package target

import (
	"fmt"
	"io"
	"time"

	"dyno/bench/evidence"
	"dyno/internal/record"
)

// The metrics of messages.
const (
	messageTime  = "message"
	firstMessage = "first_message"
)

// messages is what a generator tells of the messages in its streams.
type messages struct {
	Times map[string]*record.Histogram `json:"times"`
	// What the histograms are held against.
	Digests map[string]record.SpanDigest `json:"digests"`
}

// report adds what is known of the messages.
func (s *streams) report(r *report) {
	if !s.desc.ClientStreams && !s.desc.ServerStreams {
		return
	}
	m := &messages{Times: map[string]*record.Histogram{}, Digests: map[string]record.SpanDigest{}}
	m.Times[messageTime], m.Digests[messageTime] = s.message.Sum()
	m.Times[firstMessage], m.Digests[firstMessage] = s.first.Sum()
	r.Messages = m
}

var messageMetrics = []record.Metric{
	{
		Name: messageTime, Kind: record.KindHistogram, Unit: "ms", Better: record.Lower,
		Help: "streams: of messages but the first of each; both ways from the intended sending of a request to its answer; of answers from the " +
			"one before; of requests what sending took",
		Road: evidence.Spans(),
	},
	{
		Name: firstMessage, Kind: record.KindHistogram, Unit: "ms", Better: record.Lower,
		Help: "streams: the same of the first message of each, which opens it",
		Road: evidence.Spans(),
	},
	{
		Name: "messages_rps", Kind: record.KindScalar, Unit: "messages/s", Better: record.Higher,
		Help: "streams: messages in the window, per second",
		Road: evidence.Derived("messages in the window by sums beside the histograms", func(o *record.Observation) (float64, bool) {
			e := o.Evidence
			n := e.Spans[messageTime].Count + e.Spans[firstMessage].Count
			return float64(n) / (float64(e.End-e.Begin) / 1e9), e.End > e.Begin
		}),
	},
}

// observeMessages sets them.
func (r *report) observeMessages(o *record.Observation) {
	if r.Messages == nil {
		return
	}
	for name, times := range r.Messages.Times {
		o.SetHistogram(name, times)
		o.Evidence.Spans[name] = r.Messages.Digests[name]
	}
	begin, end := r.Measured()
	if window := end.Sub(begin).Seconds(); window > 0 {
		o.Set("messages_rps", float64(r.Messages.count())/window)
	}
}

func (m *messages) count() int64 { return m.Times[messageTime].Count() + m.Times[firstMessage].Count() }

// print tells a person.
func (m *messages) print(w io.Writer) {
	for _, name := range []string{firstMessage, messageTime} {
		h := m.Times[name]
		if h.Count() == 0 {
			continue
		}
		q := func(q float64) time.Duration { return h.Quantile(q).Round(time.Microsecond) }
		fmt.Fprintf(w, "%s: mean %v, p50 %v, p99 %v of %d\n", name, h.Mean().Round(time.Microsecond), q(0.5), q(0.99), h.Count())
	}
}
