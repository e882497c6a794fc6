package trial

import (
	"slices"
	"time"

	"dyno/bench/driver"
	"dyno/bench/evidence"
	"dyno/bench/lie"
	benchload "dyno/bench/load"
	"dyno/internal/record"
	strifev1 "dyno/proto/strife/v1"
	"dyno/systems"
	"dyno/systems/strife/books"
	"dyno/systems/strife/check"
	"dyno/systems/strife/core/coordinator"
	"dyno/systems/strife/load"
)

// counted: an operation is one call, or several where users ask again.
var counted = evidence.Operations{
	Method: strifev1.GatewayService_Pay_FullMethodName, Clients: []string{"load"}, Servers: []string{"gateway"}, Retried: true,
}

// Facts that figures are held against.
const (
	factBooks  = "books"     // payments in the gateway's journal
	factUnsure = "unsure"    // calls without an answer that says what happened
	factSettle = "settle_ms" // the bound of the wait
	factWindow = "window_ms" // the time of the load, with what it may take longer
)

// Metrics are those of the system.
func Metrics() []record.Metric {
	return slices.Concat(driver.Metrics(evidence.Counts(counted)), []record.Metric{
		{
			Name: "abort_share", Kind: record.KindScalar, Unit: "1", Better: record.Lower,
			Help: "calls that ended with: aborted, try again; of all calls to pay", Road: errorsRoad(),
		},
		{
			Name: "decline_share", Kind: record.KindScalar, Unit: "1",
			Help: "calls that ended with: declined; of all calls to pay", Road: errorsRoad(),
		},
		{
			Name: "unknown_share", Kind: record.KindScalar, Unit: "1", Better: record.Lower,
			Help: "calls without an answer, of all calls to pay", Road: errorsRoad(),
		},
		{
			Name: "paid", Kind: record.KindScalar, Unit: "payments",
			Help: "different payments that users saw as paid, warm-up included", Road: paidRoad(),
		},
		{
			Name: "replayed", Kind: record.KindScalar, Unit: "calls", Help: "answers that the gateway had given before",
		},
		{
			Name: "cpu_us_per_payment", Kind: record.KindScalar, Unit: "µs", Better: record.Lower,
			Help: "CPU time of gateway and banks together per payment",
			Road: evidence.CPU(evidence.MicrosPerMeasured(benchload.DigestLatency), "gateway", "bank"),
		},
		{
			Name: "forced_writes", Kind: record.KindScalar, Unit: "syncs", Better: record.Lower,
			Help: "batches in the journals of gateway and banks, each made durable by one sync, per payment",
		},
		{
			Name: "snapshots", Kind: record.KindScalar, Unit: "journals", Help: "journals of gateway and banks that begin with a snapshot",
		},
		{
			Name: "settle_ms", Kind: record.KindScalar, Unit: "ms", Better: record.Lower,
			Help: "from the end of the load, with everybody back, until no bank is in doubt",
			Road: evidence.AtMost(factSettle, "the bound of the wait"),
		},
		{
			Name: "silence_ms", Kind: record.KindScalar, Unit: "ms", Better: record.Lower,
			Help: "longest time without a payment that users saw as paid", Road: evidence.AtMost(factWindow, "the time of the load"),
		},
		{
			Name: "gateway_starts", Kind: record.KindScalar, Unit: "lives", Help: "lives of the gateway, by its journal",
		},
		{
			Name: "deaths", Kind: record.KindScalar, Unit: "deaths", Help: "of servers: at a failpoint, or by random kills",
		},
		{
			Name: "damage", Kind: record.KindScalar, Unit: "1", Better: record.Lower,
			Help: "invariants that do not hold over journals and what users saw", Road: evidence.Calculated(),
		},
	}, holdMetrics, outageMetrics)
}

// errorsRoad holds the shares of calls that brought an error, together, against
// what the load's interceptors counted beneath the code that reports them.
func errorsRoad() record.Road {
	const text = "with the other two shares, calls that brought the load's interceptors an error"
	return evidence.Law(text, func(_ string, o *record.Observation, e *record.Evidence) record.Check {
		for _, p := range e.Processes {
			if p.Role == "load" && p.Calls != nil {
				made := p.Calls.Made[counted.Method]
				got := o.Scalars["abort_share"] + o.Scalars["decline_share"] + o.Scalars["unknown_share"]
				return evidence.Same(got, float64(made.Failed)/float64(max(1, made.OK+made.Failed)), made.OK+made.Failed, text)
			}
		}
		return record.Doubt("", 0, "the load told no counts")
	})
}

// paidRoad: what users saw as paid is in the gateway's journal, and nothing else
// is but what brought no answer.
func paidRoad() record.Road {
	return evidence.Law("payments in the gateway's journal", func(metric string, o *record.Observation, e *record.Evidence) record.Check {
		in, known := e.Facts[factBooks]
		if !known {
			return record.Doubt("", 0, "nobody read the gateway's journal")
		}
		return evidence.Room{}.Between(o.Scalars[metric], in-e.Facts[factUnsure], in)
	})
}

// observe sets the figures of a load.
func (t *town) observe(o *record.Observation, v systems.Values, r load.Report, b *books.Books, settled time.Duration) {
	r.Throughput = lie.Rate(v.Text(KnobLie), r.Throughput)
	r.Observe(o, v.Text(driver.KnobDriver))
	calls := float64(max(1, r.Tally.Pays))
	begin, end := r.Measured()
	f := o.Evidence.Facts
	f[factUnsure], f[factSettle] = float64(r.Tally.Silent), 1e3*settleTimeout.Seconds()
	f[factWindow] = 1e3 * (end.Sub(begin) + t.bench.Setting().Warmup + settleTimeout).Seconds()
	o.Set("abort_share", float64(r.Tally.Aborted)/calls)
	o.Set("decline_share", float64(r.Tally.Declined)/calls)
	o.Set("unknown_share", float64(r.Tally.Silent)/calls)
	o.Set("replayed", float64(r.Tally.Replayed))
	o.Set("settle_ms", float64(settled)/1e6)
	o.Set("silence_ms", float64(longestSilence(r.Calls))/1e6)
	o.Set("deaths", float64(t.deaths()))
	o.Set("damage", float64(damage(o.Verdict)))
	if b == nil { // nothing but the users' word says how much was paid
		return
	}
	seen := distinct(r.Calls)
	f[factBooks] = float64(b.Count(coordinator.Paid))
	o.Set("paid", float64(seen))
	if !b.Evidence.Partial { // else nobody knows how many came before
		o.Set("forced_writes", float64(b.Batches)/float64(max(1, seen)))
	}
	o.Set("snapshots", float64(b.Snapshots))
	o.Set("gateway_starts", float64(b.Starts()))
}

func damage(v record.Verdict) (n int) {
	for _, c := range v.Checks {
		if c.Status == record.Invalid {
			n++
		}
	}
	return n
}

// distinct counts the payments that users saw as paid.
func distinct(calls []check.Call) int {
	type key struct{ user, key string }
	seen := map[key]bool{}
	for _, c := range calls {
		if c.Kind == check.CallPay && c.End != check.Never && c.Receipt.Status == coordinator.Paid {
			seen[key{c.User, c.Key}] = true
		}
	}
	return len(seen)
}

// longestGap is the longest time between two neighbours.
func longestGap(moments []time.Duration) (longest time.Duration) {
	slices.Sort(moments)
	for i := 1; i < len(moments); i++ {
		longest = max(longest, moments[i]-moments[i-1])
	}
	return longest
}
