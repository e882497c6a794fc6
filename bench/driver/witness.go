package driver

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"dyno/internal/rpc"
	"dyno/systems"
)

// maxGHZCalls is how many results ghz keeps: one that it forgot could not be
// counted.
const maxGHZCalls = 1_000_000

// Witness is another load generator, whose report of a server is put beside
// ours. It must have a process of its own.
type Witness struct {
	*Flags
	Endpoint rpc.Endpoint
	Timeout  time.Duration // of a call; 0: load.DefaultTimeout
	Method   protoreflect.MethodDescriptor
	Metadata map[string]string // as it is sent: binary values (key-bin) decoded
	Async    bool              // send at the rate even if workers wait for answers
	Workers  int               // which ghz calls concurrency
	Rate     float64

	// Requests are the messages of the next call, which are sent as they are: one,
	// or all of a stream. It is called by many at once.
	Requests    func() ([]*Message, error)
	MessageRate float64 // within a stream of requests, per second; 0: at once
}

// Check refuses what ghz cannot do, or could not account for.
func (w Witness) Check() error {
	if err := w.Flags.Check(); err != nil {
		return err
	}
	if w.Rate != math.Trunc(w.Rate) {
		return systems.Usagef("--rate %v: ghz knows whole rates only", w.Rate)
	}
	if n := w.Calls(); n < 1 || n > maxGHZCalls {
		return systems.Usagef("--rate %v for %v makes %d calls: give 1 to %d", w.Rate, w.Warmup+w.Length, n, maxGHZCalls)
	}
	if err := window(GHZ, w.Rate, w.Length); err != nil {
		return systems.Usagef("--rate %v --length %v: %w", w.Rate, w.Length, err)
	}
	return nil
}

// Calls is how many ghz is to make: the rate, for as long as a run takes.
func (w Witness) Calls() int { return int(w.Rate * (w.Warmup + w.Length).Seconds()) }

// Message is one that is encoded, by [Encode].
type Message struct {
	Bytes []byte

	once sync.Once
	made any
	err  error
}

// Once returns what a generator makes of the message, which it makes once.
func (m *Message) Once(make func([]byte) (any, error)) (any, error) {
	m.once.Do(func() { m.made, m.err = make(m.Bytes) })
	return m.made, m.err
}

// Always is for calls that all have the same request.
func Always(request []byte) func() ([]*Message, error) {
	m := []*Message{{Bytes: request}}
	return func() ([]*Message, error) { return m, nil }
}

// RunGHZ lets ghz do a witness's work. ghz brings more code than all roles
// together, so it is linked into dyno-whole ([dyno/systems/all/whole]) alone;
// nil: it is not linked.
var RunGHZ func(context.Context, Witness) (Report, error)

// Run lets ghz do its work.
func (w Witness) Run(ctx context.Context) (Report, error) {
	if RunGHZ == nil {
		return Report{}, errors.New("ghz is linked into bin/dyno-whole, which make build makes")
	}
	return RunGHZ(ctx, w)
}
