// Package ghz is a witness from outside: another load generator, in the form of
// our own. Only dyno-whole links it; roles reach it by [driver.RunGHZ].
package ghz

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/bojand/ghz/runner"

	"dyno/bench/driver"
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
	calls := make([]driver.Call, len(rep.Details))
	for i, d := range rep.Details {
		calls[i] = driver.Call{At: d.Timestamp, Latency: d.Latency, Error: d.Error}
		if d.Error == "" && d.Status != "OK" {
			calls[i].Error = "status " + d.Status
		}
	}
	s := driver.Testimony{Workers: w.Workers, Rate: w.Rate, Warmup: w.Warmup, Start: start, End: end, Calls: calls}.Summary()
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
