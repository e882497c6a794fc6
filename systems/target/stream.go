package target

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"google.golang.org/grpc"

	"dyno/bench/load"
	"dyno/internal/record"
	"dyno/internal/rpc"
	"dyno/systems"
)

// stream is one stream under way.
type stream struct {
	*caller
	grpc.ClientStream
	client   int
	opened   time.Time
	last     time.Time    // when the last answer came
	count    int          // of messages that were measured
	expected *expectation // of the last request
	wrong    string
	looked   bool
}

// streamed is a load.Op: one stream, to its end.
func (c *caller) streamed(ctx context.Context, client int) (int32, record.Outcome) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &stream{caller: c, client: client, opened: time.Now()}
	s.last = s.opened
	var err error
	if s.ClientStream, err = c.conns.Of(client).NewStream(ctx, &c.streams.desc, c.path, c.options...); err != nil {
		return c.failed(nobody, err)
	}
	switch {
	case !c.streams.desc.ClientStreams:
		err = s.listen(cancel)
	case !c.streams.desc.ServerStreams:
		err = s.tell(ctx)
	case c.streams.paired && c.streams.rate == 0:
		err = s.ask()
	default:
		err = s.talk(ctx, cancel)
	}
	server := c.servers.ofStream(s.ClientStream)
	if err != nil {
		return c.failed(server, err)
	}
	return c.judge(server, s.looked, s.wrong)
}

// send sends the next request.
func (s *stream) send() error {
	q, err := s.requests.next()
	if err != nil {
		return err
	}
	s.expected = q.expect
	if err := s.SendMsg(q); !errors.Is(err, io.EOF) {
		return err
	}
	for err == nil || errors.Is(err, io.EOF) { // the server ended the stream: how, the next reading says
		if err = s.RecvMsg(new(answer)); errors.Is(err, io.EOF) {
			return errors.New("the server ended the stream before it had all requests")
		}
	}
	return err
}

// receive takes an answer to a request that was to be sent at a time, and holds
// it against an expectation.
func (s *stream) receive(expect *expectation, since time.Time) error {
	a := answer{expect: expect}
	if err := s.RecvMsg(&a); err != nil {
		return err
	}
	s.measure(since)
	s.looked = s.looked || expect != nil
	if s.wrong == "" && a.wrong != "" {
		s.wrong = fmt.Sprintf("answer %d of a stream: %s", s.count, a.wrong)
	}
	return nil
}

// measure records that a message has ended which began at a time.
func (s *stream) measure(since time.Time) {
	s.last = time.Now()
	parts := s.streams.message
	if s.count == 0 {
		parts = s.streams.first
	}
	parts.Record(s.client, s.last.Sub(since), s.last)
	s.count++
}

// listen is a stream of answers to one request.
func (s *stream) listen(cancel context.CancelFunc) error {
	if err := s.send(); err != nil {
		return err
	}
	if err := s.CloseSend(); err != nil {
		return err
	}
	for {
		err := s.receive(s.expected, s.last)
		switch {
		case errors.Is(err, io.EOF) && s.count < s.streams.messages:
			return fmt.Errorf("the server ended the stream after %d answers, %d are wanted", s.count, s.streams.messages)
		case errors.Is(err, io.EOF):
			return s.answered()
		case err != nil:
			return err
		case s.count == s.streams.messages:
			rpc.Quit(s.ClientStream)
			cancel()
			return nil
		}
	}
}

// answered: nobody can look at an answer that does not come.
func (s *stream) answered() error {
	if s.count == 0 && s.expected != nil {
		s.wrong, s.looked = "the stream ended without an answer", true
	}
	return nil
}

// tell is a stream of requests with one answer. What takes time is to send them:
// until the server makes room.
func (s *stream) tell(ctx context.Context) error {
	err := s.pace(ctx, func(due time.Time) error {
		if err := s.send(); err != nil {
			return err
		}
		s.measure(due)
		return nil
	})
	if err != nil {
		return err
	}
	if err := s.CloseSend(); err != nil {
		return err
	}
	a := answer{expect: s.expected}
	if err := s.RecvMsg(&a); err != nil {
		return err
	}
	s.looked, s.wrong = a.expect != nil, a.wrong
	return nil
}

// ask is a stream of one request after the other, each when the last is answered.
func (s *stream) ask() error {
	for range s.streams.messages {
		since := time.Now()
		if s.count == 0 {
			since = s.opened
		}
		if err := s.send(); err != nil {
			return err
		}
		if err := s.receive(s.expected, since); err != nil {
			return s.unpaired(err)
		}
	}
	if err := s.CloseSend(); err != nil {
		return err
	}
	return s.finish()
}

// unpaired says what an early end means.
func (s *stream) unpaired(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("the server ended the stream after %d answers to %d requests (--%s %s, if they do not belong together)", s.count,
			s.streams.messages, knobPairing, unpaired)
	}
	return err
}

// finish is the end of a stream of pairs: there must be no answer more.
func (s *stream) finish() error {
	err := s.RecvMsg(new(answer))
	switch {
	case err == nil:
		return fmt.Errorf("the server sent more answers than the %d requests (--%s %s, if they do not belong together)", s.streams.messages,
			knobPairing, unpaired)
	case errors.Is(err, io.EOF):
		return nil
	}
	return err
}

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
