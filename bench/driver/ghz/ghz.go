// Package ghz is a witness from outside: another load generator, in the form of
// our own. Only dyno itself links it; roles reach it by [driver.RunGHZ].
package ghz

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"time"

	"github.com/bojand/ghz/runner"

	"dyno/bench/driver"
	"dyno/bench/load"
	"dyno/internal/record"
)

// Run lets ghz do its work. The runner's own Run would take over GOMAXPROCS
// and the process's signals, so it is left out.
func Run(ctx context.Context, w driver.Witness) (driver.Report, error) {
	opts, err := options(w)
	if err != nil {
		return driver.Report{}, err
	}
	config, err := runner.NewConfig(string(w.Method.Parent().FullName())+"/"+string(w.Method.Name()), w.Endpoint.Address, opts...)
	if err != nil {
		return driver.Report{}, fmt.Errorf("ghz: %w", err)
	}
	requester, err := runner.NewRequester(config)
	if err != nil {
		return driver.Report{}, fmt.Errorf("ghz: %w", err)
	}
	defer context.AfterFunc(ctx, func() { requester.Stop(runner.ReasonCancel) })()
	meter := driver.StartMeter(w.Warmup, math.MaxInt64-w.Warmup)
	start := time.Now()
	rep, err := requester.Run()
	end := time.Now()
	_ = meter.Stop()
	if err := ctx.Err(); err != nil {
		return driver.Report{}, fmt.Errorf("ghz was stopped: %w", err)
	}
	if err != nil {
		return driver.Report{}, fmt.Errorf("ghz: %w", err)
	}
	r := testimony(w, rep, start, end)
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
func testimony(w driver.Witness, rep *runner.Report, start, end time.Time) driver.Report {
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
	s.Checks = []record.Check{checkWitness(rep, s.Counts, w.Calls())}
	return driver.Report{Summary: s}
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
