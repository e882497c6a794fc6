package target

import (
	"math"
	"time"

	"google.golang.org/grpc"

	"dyno/bench/load"
	"dyno/systems"
)

// The knobs of streams.
const (
	knobMessages    = "messages"
	knobMessageRate = "message-rate"
	knobPairing     = "pairing"
)

// How the answers of a bidirectional stream belong to its requests.
const (
	oneToOne = "one-to-one"
	unpaired = "none"
)

var streamKnobs = systems.Knobs{
	{
		Name: knobMessages, Default: "0", Type: systems.Int{Min: 0, Max: 10_000_000},
		Help: "streams: requests in each; of a stream of answers: after how many the client ends it; 0: one request, and answers until the " +
			"server ends the stream",
	},
	{
		Name: knobMessageRate, Unit: "messages/s", Default: "0", Type: systems.Float{Min: 0, Max: 100_000},
		Help: "streams: requests per second within each; 0: the next one when the last is answered, or, where nothing answers it, at once",
	},
	{
		Name: knobPairing, Default: oneToOne, Type: systems.Choice{oneToOne, unpaired},
		Help: "bidirectional streams: whether the i-th answer is that to the i-th request; none: answers come as they like",
	},
}

// streams is how each stream of a run goes.
type streams struct {
	messages int
	rate     float64
	paired   bool
	desc     grpc.StreamDesc

	// Of messages, once there is a window: from the intended sending of a request
	// to its answer; where these do not belong together, from the answer before;
	// where there is one answer to all requests, how long each took to be sent. The
	// first of a stream, which opens it, is apart.
	message, first *load.Parts
}

func newStreams(m *method, v systems.Values) (*streams, error) {
	s := &streams{
		messages: v.Int(knobMessages), rate: v.Float(knobMessageRate), paired: v.Text(knobPairing) == oneToOne,
		desc: grpc.StreamDesc{ServerStreams: m.IsStreamingServer(), ClientStreams: m.IsStreamingClient()},
	}
	if !m.IsStreamingClient() && s.rate > 0 {
		return nil, systems.Usagef("--%s: %s takes one request, and the server sends its answers when it likes; leave it out", knobMessageRate,
			m.path())
	}
	if !m.streams() && s.messages > 0 {
		return nil, systems.Usagef("--%s: %s is no stream; leave it out", knobMessages, m.path())
	}
	if m.IsStreamingClient() {
		s.messages = max(s.messages, 1)
		s.paired = s.paired && m.IsStreamingServer()
	}
	s.window(time.Time{}, time.Unix(math.MaxInt32, 0))
	return s, nil
}

// window says when messages count.
func (s *streams) window(begin, end time.Time) {
	s.message, s.first = load.NewParts(begin, end), load.NewParts(begin, end)
}
