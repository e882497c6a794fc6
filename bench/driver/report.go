package driver

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"dyno/bench/evidence"
	"dyno/bench/load"
	"dyno/internal/record"
)

// Report is what a generator's process prints as JSON; a system embeds it
// beside what it saw in the answers.
type Report struct {
	load.Summary
	CPUSeconds float64       `json:"cpu_s"`        // of this process, in the window
	CPUSlack   time.Duration `json:"cpu_slack_ns"` // how far from its ends that was read
}

// Meter takes over what a meter has read.
func (r *Report) Meter(m *Meter) {
	r.CPUSeconds = m.Stop().Seconds()
	r.CPUSlack = m.Slack(r.Measured())
}

// Measured is the measured window by the wall clock.
func (r *Report) Measured() (begin, end time.Time) {
	return time.Unix(0, r.BeginUnixNS), time.Unix(0, r.EndUnixNS)
}

// Metrics are what [Report.Observe] sets, for the metrics of a system. counts
// is the law that ties what became of the operations to what both sides of the
// calls counted.
func Metrics(counts record.Road) []record.Metric {
	const h = load.DigestLatency
	return append([]record.Metric{
		{
			Name: "throughput_rps", Kind: record.KindScalar, Unit: "req/s", Better: record.Higher,
			Help: "OK requests that ended in the window, per second",
			Road: evidence.All(evidence.Answered(h), counts),
		},
		{
			Name: h, Kind: record.KindHistogram, Unit: "ms", Better: record.Lower,
			Help: "as the driver reports it: closed loop and ghz from sending a request to its answer, open loop from its intended start",
			Road: evidence.All(evidence.Spans(), evidence.Little()),
		},
		{
			Name: load.DigestService, Kind: record.KindHistogram, Unit: "ms", Better: record.Lower,
			Help: "open loop: from sending a request to its answer", Road: evidence.Spans(),
		},
		{
			Name: load.DigestLag, Kind: record.KindHistogram, Unit: "ms", Better: record.Lower, Help: "open loop: how late requests were sent",
			Road: evidence.Spans(),
		},
		{
			Name: "offered_rps", Kind: record.KindScalar, Unit: "req/s",
			Help: "requests that the driver was to send in the window, per second; a closed loop's are those that it did",
			Road: evidence.Offered(h),
		},
		{Name: "achieved_rps", Kind: record.KindScalar, Unit: "req/s", Help: "requests that it did send, per second", Road: evidence.Sent(h)},
		{
			Name: "generator_cores", Kind: record.KindScalar, Unit: "cores", Help: "CPU time of the client process per second",
			Road: evidence.CPU(evidence.Cores, Roles...),
		},
		{
			Name: "generator_us_per_request", Kind: record.KindScalar, Unit: "µs", Better: record.Lower,
			Help: "CPU time of the client process per OK request",
			Road: evidence.CPU(evidence.MicrosPerMeasured(h), Roles...),
		},
	}, load.SearchMetrics...)
}

// Roles are what systems call the roles of their generators: ours, ghz, and those
// that load servers which others wrote (bench/rival).
var Roles = []string{"client", "load", GHZ, outside, "rival-loader"}

// outside is the role that becomes a program which others wrote.
const outside = "rival-client"

// enoughOfRate is the share of its rate that a witness must reach without a flag; our
// own loop has the same.
const enoughOfRate = 0.98

// Observe sets the generator's metrics and flags. CPU time of a search is left
// out: of many rates, it is a figure of none.
func (r *Report) Observe(o *record.Observation, driver string) {
	o.Counts = r.Counts
	o.Evidence = r.Evidence()
	o.Evidence.Slack = int64(r.CPUSlack)
	failures := r.Failures()
	o.Failures = &failures
	o.Flags = append(o.Flags, r.Flags()...)
	o.Set("throughput_rps", r.Throughput)
	o.SetHistogram("response", r.Latency)
	if r.Schedule != nil {
		o.SetHistogram("service", r.Service)
		o.SetHistogram("lag", r.Lag)
	}
	o.Set("offered_rps", r.Offered)
	o.Set("achieved_rps", r.Sent)
	if IsWitness(driver) && r.Sent < enoughOfRate*r.Offered {
		o.Flag("rate", "%.4g requests per second were asked for, %.4g were made", r.Offered, r.Sent)
	}
	if r.Knee != nil {
		r.ObserveSearch(o)
		return
	}
	begin, end := r.Measured()
	if window := end.Sub(begin).Seconds(); window > 0 {
		o.Set("generator_cores", r.CPUSeconds/window)
	}
	if n := r.Window.OK; n > 0 {
		o.Set("generator_us_per_request", r.CPUSeconds*1e6/float64(n))
	}
}

// Print tells a person; a check that failed is an error, and so are more failures
// than are allowed.
func (r *Report) Print(w io.Writer, driver string, allowed record.Share, checks ...record.Check) error {
	q := func(q float64) time.Duration { return r.Latency.Quantile(q).Round(time.Microsecond) }
	v := record.Judge(slices.Concat(r.Checks, checks, []record.Check{r.Failures().Check(allowed)})...)
	_, err := fmt.Fprintf(w,
		"%s: %s req/s; response mean %v, p50 %v, p99 %v\n%d requests: %d ok, %d refused, %d failed, %d unknown; checks: %s\n",
		r.model(driver), load.PerSecond(r.Throughput), r.Latency.Mean().Round(time.Microsecond), q(0.5), q(0.99),
		r.Counts.Sent, r.Counts.OK, r.Counts.Refused, r.Counts.Failed, r.Counts.Unknown, v.Status)
	if err == nil {
		err = PrintQuality(w, &r.Summary)
	}
	if err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	if v.Status != record.Valid {
		return fmt.Errorf("the figures are not proved right: %s", strings.Join(v.Reasons(), "; "))
	}
	return nil
}

// PrintQuality tells a person of the failures, with the first error, and of the
// quality flags, whatever the checks say.
func PrintQuality(w io.Writer, s *load.Summary) error {
	if f := s.Failures(); f.Failed > 0 {
		if _, err := fmt.Fprintf(w, "errors: %v\n", f); err != nil {
			return err
		}
	}
	if q := s.Silence; q != nil {
		if _, err := fmt.Fprintf(w, "silence: %v\n", q); err != nil {
			return err
		}
	}
	for _, f := range s.Flags() {
		if _, err := fmt.Fprintf(w, "%s: %s\n", f.Name, f.Detail); err != nil {
			return err
		}
	}
	return nil
}

func (r *Report) model(driver string) string {
	switch {
	case IsWitness(driver):
		return fmt.Sprintf(driver+", %s req/s asked for, %d workers", load.PerSecond(r.Offered), r.Clients)
	case r.Knee != nil:
		k := r.Knee
		return fmt.Sprintf("knee at %s req/s, held; bracket %s to %s after %d probes; there",
			load.PerSecond(k.Held), load.PerSecond(k.Low), load.PerSecond(k.High), len(k.Probes))
	case r.Schedule != nil:
		s := r.Schedule
		return fmt.Sprintf("%v offered, open loop, %s/s sent, p99 %v late", s, load.PerSecond(r.Sent),
			r.Lag.Quantile(0.99).Round(time.Microsecond))
	}
	return fmt.Sprintf("%d clients, closed loop", r.Clients)
}
