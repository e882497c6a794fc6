package driver

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"time"

	"github.com/bojand/ghz/runner"
	"google.golang.org/protobuf/reflect/protoreflect"

	"dyno/bench/load"
	"dyno/internal/record"
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
	if n := w.calls(); n < 1 || n > maxGHZCalls {
		return systems.Usagef("--rate %v for %v makes %d calls: give 1 to %d", w.Rate, w.Warmup+w.Length, n, maxGHZCalls)
	}
	if err := window(GHZ, w.Rate, w.Length); err != nil {
		return systems.Usagef("--rate %v --length %v: %w", w.Rate, w.Length, err)
	}
	return nil
}

// calls is how many ghz is to make: the rate, for as long as a run takes.
func (w Witness) calls() int { return int(w.Rate * (w.Warmup + w.Length).Seconds()) }

// Run lets ghz do its work. The runner's own Run would take over GOMAXPROCS
// and the process's signals, so it is left out.
func (w Witness) Run(ctx context.Context) (Report, error) {
	options, err := w.options()
	if err != nil {
		return Report{}, err
	}
	config, err := runner.NewConfig(string(w.Method.Parent().FullName())+"/"+string(w.Method.Name()), w.Endpoint.Address, options...)
	if err != nil {
		return Report{}, fmt.Errorf("ghz: %w", err)
	}
	requester, err := runner.NewRequester(config)
	if err != nil {
		return Report{}, fmt.Errorf("ghz: %w", err)
	}
	defer context.AfterFunc(ctx, func() { requester.Stop(runner.ReasonCancel) })()
	meter := StartMeter(w.Warmup, math.MaxInt64-w.Warmup)
	start := time.Now()
	rep, err := requester.Run()
	end := time.Now()
	_ = meter.Stop()
	if err := ctx.Err(); err != nil {
		return Report{}, fmt.Errorf("ghz was stopped: %w", err)
	}
	if err != nil {
		return Report{}, fmt.Errorf("ghz: %w", err)
	}
	r := w.testimony(rep, start, end)
	r.Meter(meter)
	return r, nil
}

// testimony is what ghz says, in the form of our own generator's summary. As
// there, calls of the warm-up count and are not measured; the window ends with
// the last answer, for ghz makes its calls whenever it gets to them.
//
// Figures come from ghz's list of calls alone, latencies from those with status
// OK: in its own average and rate calls count that failed, or were broken off.
// A call's timestamp is its end, as in our closed loop's window.
func (w Witness) testimony(rep *runner.Report, start, end time.Time) Report {
	begin := start.Add(w.Warmup)
	s := load.Summary{
		Clients: w.Workers, Latency: record.NewHistogram(),
		BeginUnixNS: begin.UnixNano(), EndUnixNS: end.UnixNano(),
		Targets: map[int32]load.Target{},
	}
	spans := make([]record.Span, 0, len(rep.Details))
	var first time.Time
	for _, d := range rep.Details {
		o := record.Unknown
		if d.Error == "" && d.Status == "OK" {
			o = record.OK
		}
		sent := int64(d.Timestamp.Sub(start))
		spans = append(spans, record.Span{Begin: sent, End: sent + int64(d.Latency), Outcome: o})
		s.Counts.Tally(o)
		if o != record.OK && (s.FirstError == "" || d.Timestamp.Before(first)) {
			s.FirstError, first = cmp.Or(d.Error, "status "+d.Status), d.Timestamp
		}
		if d.Timestamp.Before(begin) {
			continue
		}
		s.Window.Tally(o)
		if o == record.OK {
			s.Latency.Record(d.Latency)
		}
	}
	s.Counts.Offered, s.Window.Offered = s.Counts.Sent, s.Window.Sent
	window := end.Sub(begin).Seconds()
	s.Offered = w.Rate
	if window > 0 {
		s.Sent, s.Throughput = float64(s.Window.Sent)/window, float64(s.Window.OK)/window
	}
	digest := load.Digest(spans, int64(w.Warmup), int64(end.Sub(start)), true)
	digest.Answered = digest.Count // its rate is that of the calls it lists
	s.Digests = map[string]record.SpanDigest{load.DigestLatency: digest}
	s.Checks = []record.Check{checkWitness(rep, s.Counts, w.calls())}
	return Report{Summary: s}
}

// checkWitness: ghz made all of its calls, ended by itself, has a result of
// each, and says of as many that they failed in each of the three places where it
// says so. How many may fail is for the check of failures, as with our own loops.
// ghz does not look at answers, so nothing is said about those.
func checkWitness(rep *runner.Report, listed record.Counts, calls int) record.Check {
	const name = "ghz"
	n := int64(rep.Count)
	failed := listed.Sent - listed.OK
	switch ok := int64(rep.StatusCodeDist["OK"]); {
	case rep.EndReason != runner.ReasonNormalEnd:
		return record.Fail(name, n, "ghz ended because of %s", rep.EndReason)
	case n != int64(calls) || len(rep.Details) != calls:
		return record.Fail(name, n, "ghz was to make %d calls; it counts %d and lists %d", calls, n, len(rep.Details))
	case total(rep.StatusCodeDist) != n || total(rep.ErrorDist) != failed:
		return record.Fail(name, n, "of %d calls ghz lists %d as failed; it has %d statuses and met %d errors: %v", n, failed,
			total(rep.StatusCodeDist), total(rep.ErrorDist), rep.ErrorDist)
	case ok != listed.OK:
		return record.Fail(name, n, "of %d calls ghz lists %d as answered; %d have status OK: %v", calls, listed.OK, ok, rep.StatusCodeDist)
	}
	return record.Pass(name, n)
}

func total(of map[string]int) (sum int64) {
	for _, n := range of {
		sum += int64(n)
	}
	return sum
}
