package trial

import (
	"slices"

	"dyno/bench/evidence"
	"dyno/bench/load"
	"dyno/bench/rival"
	"dyno/internal/record"
	lookasidev1 "dyno/proto/lookaside/v1"
)

// responses is the histogram from whose spans rates are computed again.
const responses = load.DigestLatency

// computes: an operation is one call at its client, which may become several
// attempts at servers.
var computes = evidence.Operations{
	Method: lookasidev1.ComputeService_Compute_FullMethodName, Clients: []string{"client"}, Servers: []string{"server"}, Rerouted: true,
}

var counted = evidence.Counts(computes)

// Metrics are what a trial observes.
var Metrics = slices.Concat(load.SearchMetrics, []record.Metric{
	{
		Name: "throughput_rps", Kind: record.KindScalar, Unit: "req/s", Better: record.Higher, Help: "right answers per second of the window",
		Road: evidence.All(evidence.Answered(responses), counted),
	},
	{
		Name: "response", Kind: record.KindHistogram, Unit: "ms", Better: record.Lower,
		Help: "from asking the balancer to the server's answer, of requests that ended in the window; of an open loop from the intended " +
			"start, of requests that were to start in it", Road: evidence.All(evidence.Spans(), evidence.Little()),
	},
	{
		Name: "offered_rps", Kind: record.KindScalar, Unit: "req/s", Help: "open loop: requests that were to start in the window, per second",
		Road: evidence.Offered(responses),
	},
	{
		Name: "achieved_rps", Kind: record.KindScalar, Unit: "req/s", Help: "open loop: of these, requests that were sent",
		Road: evidence.Sent(responses),
	},
	{
		Name: "lag", Kind: record.KindHistogram, Unit: "ms", Better: record.Lower, Help: "open loop: from the intended to the actual start",
		Road: evidence.Spans(),
	},
	{
		Name: "availability", Kind: record.KindScalar, Unit: "1", Better: record.Higher,
		Help: "share of requests that ended in the window which were answered rightly", Road: evidence.Available(responses),
	},
	{
		Name: "client_errors", Kind: record.KindScalar, Unit: "req", Better: record.Lower,
		Help: "requests of the whole run that were not answered rightly", Road: evidence.Failures(computes),
	},
	{
		Name: "broken_attempts", Kind: record.KindScalar, Unit: "req", Better: record.Lower,
		Help: "attempts that brought no answer, made again elsewhere or not",
	},
	{
		Name: "recovery_ms", Kind: record.KindScalar, Unit: "ms", Better: record.Lower,
		Help: "from a fault to the end of the last request that met it, what it waited for a server that did not answer included, as clients " +
			"notice it; 0 when none did",
	},
	{Name: "reserved_share", Kind: record.KindScalar, Unit: "1", Help: "mode ask: requests that found a pick made ahead of them, of all"},
	{Name: "pick_age_ms", Kind: record.KindScalar, Unit: "ms", Help: "how old such a pick was when it was used, in the mean"},
	{Name: "pick_oldest_ms", Kind: record.KindScalar, Unit: "ms", Help: "how old the oldest of them was"},
	{Name: "alone", Kind: record.KindScalar, Unit: "req", Help: "mode ask: requests that used the last list, since the balancer was away"},
	{
		Name: "cpu_us_per_request", Kind: record.KindScalar, Unit: "µs", Better: record.Lower,
		Help: "processor time of clients, balancer, servers per right answer, and of the proxy",
		Road: evidence.CPU(evidence.MicrosPerAnswered(responses), "client", "lb", rival.RoleServer, "server"),
	},
	{
		Name: "between_us_per_request", Kind: record.KindScalar, Unit: "µs", Better: record.Lower,
		Help: "processor time of what stands between clients and servers, or tells clients where to go, per right answer: the balancer, or the " +
			"proxy instead of it", Road: evidence.Law("CPU clocks of the balancer, or of the proxy, read by the engine", between),
	},
	{
		Name: "client_us_per_request", Kind: record.KindScalar, Unit: "µs", Better: record.Lower, Help: "of that, the client process's",
		Road: evidence.CPU(evidence.MicrosPerAnswered(responses), "client"),
	},
	{
		Name: "jain_requests", Kind: record.KindScalar, Unit: "1", Better: record.Higher,
		Help: "Jain's fairness index of the requests per server: 1 when all have the same, 1/n when one has all", Road: fairness("requests"),
	},
	{
		Name: "jain_busy", Kind: record.KindScalar, Unit: "1", Better: record.Higher, Help: "the same of the service time given by each server",
		Road: fairness("utilization"),
	},
	{
		Name: "utilization", Kind: record.KindVector, Unit: "1",
		Help: "per server: service time of the requests that ended in the window, divided by the window",
		Road: evidence.EachAtMost("busy", "the servers' own service time in the whole run, over the window"),
	},
	{
		Name: "cpu", Kind: record.KindVector, Unit: "cores", Help: "per server: processor time used in the window, divided by the window",
		Road: evidence.CPUEach(evidence.Cores),
	},
	{
		Name: "requests", Kind: record.KindVector, Unit: "req", Help: "per server: right answers in the window",
		Road: evidence.All(evidence.SumAnswered(responses), evidence.EachAtMost("answered", "the servers' own counts of the whole run")),
	},
	{
		Name: "max_in_flight", Kind: record.KindVector, Unit: "req", Better: record.Lower,
		Help: "per server: most requests at once, warm-up included",
		Road: evidence.EachAtMost("peak", "the most requests that clients had under way there"),
	},
	{
		Name: "in_flight", Kind: record.KindScalar, Unit: "req", Help: "requests under way at the clients, mean over the window",
		Road: evidence.InFlight(responses),
	},
	{
		Name: "lb_cores", Kind: record.KindScalar, Unit: "cores", Better: record.Lower,
		Help: "processor time of the balancer, divided by the window", Road: evidence.CPU(evidence.Cores, "lb"),
	},
	{
		Name: "generator_cores", Kind: record.KindScalar, Unit: "cores", Help: "processor time of the client process, divided by the window",
		Road: evidence.CPU(evidence.Cores, "client"),
	},
	{
		Name: "servers_cores", Kind: record.KindScalar, Unit: "cores", Better: record.Lower,
		Help: "processor time of all servers together, divided by the window", Road: evidence.CPU(evidence.Cores, "server"),
	},
	{
		Name: "quota_cores", Kind: record.KindScalar, Unit: "cores",
		Help: "processor time that each server was allowed per second; 0: as much as it could get", Road: evidence.Calculated(),
	},
	{
		Name: "theory_throughput_rps", Kind: record.KindScalar, Unit: "req/s",
		Help: "what throughput tends to as clients grow in number: see Asymptote", Road: evidence.Calculated(),
	},
	{
		Name: "theory_mean_ms", Kind: record.KindScalar, Unit: "ms",
		Help: "open loop: mean response time by theory, for the policies that have one", Road: evidence.Calculated(),
	},
	{
		Name: "theory_p99_ms", Kind: record.KindScalar, Unit: "ms",
		Help: "open loop: 99th percentile by theory, for the policies that have one", Road: evidence.Calculated(),
	},
	{
		Name: "theory_floor_ms", Kind: record.KindScalar, Unit: "ms",
		Help: "open loop: mean response time of one queue for all servers (M/M/n), which no policy goes below", Road: evidence.Calculated(),
	},
	{
		Name: "simulated_rps", Kind: record.KindScalar, Unit: "req/s", Better: record.Higher,
		Help: "in the simulator: requests simulated per second of real time",
	},
	{
		Name: "oversleep_share", Kind: record.KindScalar, Unit: "1", Better: record.Lower,
		Help: "how late requests left against the service-time model, divided by the service time given",
	},
	{
		Name: "theory_knee_rps", Kind: record.KindScalar, Unit: "req/s",
		Help: "search: rate at which the 99th percentile by theory is the bound, for the policies that have one", Road: evidence.Calculated(),
	},
	{Name: "simulated_knee_rps", Kind: record.KindScalar, Unit: "req/s", Help: "search: what the same search finds in the simulator"},
})

// between holds what a balancer or a proxy cost against its clock.
func between(metric string, o *record.Observation, e *record.Evidence) record.Check {
	role := "lb"
	if slices.ContainsFunc(e.Processes, func(p record.ProcessEvidence) bool { return p.Role == rival.RoleServer }) {
		role = rival.RoleServer
	}
	return evidence.CPU(evidence.MicrosPerAnswered(responses), role).Hold(metric, o)
}

// fairness is Jain's index of a vector, computed in another form: one over n
// times the sum of the squared shares. A trial of too many servers to name
// reports no vector, and no road either.
func fairness(vector string) record.Road {
	text := "the vector " + vector
	return record.Road{Law: text, Hold: func(metric string, o *record.Observation) record.Check {
		v, ok := o.Vectors[vector]
		if !ok {
			return record.Check{}
		}
		var sum, squares float64
		for _, x := range v.Values {
			sum += x
		}
		for _, x := range v.Values {
			squares += (x / sum) * (x / sum)
		}
		want := 0.0
		if sum > 0 {
			want = 1 / (float64(len(v.Values)) * squares)
		}
		return evidence.Same(o.Scalars[metric], want, int64(len(v.Values)), text)
	}}
}
