package target

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"dyno/bench/driver"
	"dyno/bench/evidence"
	"dyno/internal/record"
	"dyno/systems"
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

// request is a message as it is sent, and what the answer must say.
type request struct {
	encoded        mem.BufferSlice // shared by all calls: nobody changes what is in one
	driver.Message                 // the same, for ghz
	expect         *expectation    // nil: nobody looks
}

// encode makes the message that JSON says, once for all drivers.
func (m *method) encode(data string) ([]byte, error) {
	req := dynamicpb.NewMessage(m.Input())
	if err := (protojson.UnmarshalOptions{Resolver: m.types}).Unmarshal([]byte(data), req); err != nil {
		return nil, systems.Usagef("is not a %s: %w%s", m.Input().FullName(), err, anyHint(err))
	}
	b, err := driver.Encode(req)
	if err != nil {
		return nil, systems.Usagef("cannot be sent: %w", err)
	}
	return b, nil
}

// anyHint says where the types of an Any come from.
func anyHint(err error) string {
	if strings.Contains(err.Error(), "unable to resolve") {
		return " (messages in an Any are looked up where the method is described: by reflection, in --proto with its imports, or in --protoset)"
	}
	return ""
}

// answer is where an answer goes: it is held against what is expected and not
// kept.
type answer struct {
	expect *expectation
	wrong  string // what is wrong with it
}

// codec is gRPC's for calls whose request is encoded already.
type codec struct{}

// Name is what the wire says of the encoding: nothing, as of gRPC's own.
func (codec) Name() string { return "" }

// Marshal implements encoding.CodecV2.
func (codec) Marshal(v any) (mem.BufferSlice, error) {
	r, ok := v.(*request)
	if !ok {
		return nil, fmt.Errorf("a request is a %T, want one that is encoded", v)
	}
	return r.encoded, nil
}

// Unmarshal implements encoding.CodecV2.
func (codec) Unmarshal(data mem.BufferSlice, v any) (err error) {
	a, ok := v.(*answer)
	if !ok {
		return fmt.Errorf("an answer is a %T", v)
	}
	if a.expect != nil {
		a.wrong, err = a.expect.compare(data)
	}
	return err
}

// right is the last answer that was found to say what is expected: one with the
// same bytes does, too, and need not be decoded.
type right struct{ atomic.Pointer[[]byte] }

// compare says where the bytes of an answer differ from what is expected.
func (e *expectation) compare(data mem.BufferSlice) (wrong string, err error) {
	b := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer b.Free()
	got := b.ReadOnlyData()
	if known := e.right.Load(); known != nil && bytes.Equal(*known, got) {
		return "", nil
	}
	m := dynamicpb.NewMessage(e.of)
	if err := (proto.UnmarshalOptions{Resolver: e.extensions}).Unmarshal(got, m); err != nil {
		return "", err
	}
	if wrong = e.mismatch(m); wrong == "" {
		keep := bytes.Clone(got)
		e.right.Store(&keep)
	}
	return wrong, nil
}
