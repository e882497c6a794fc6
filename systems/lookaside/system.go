package lookaside

import (
	_ "embed"
	"slices"
	"time"

	"dyno/bench/load"
	"dyno/bench/queue"
	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/lookaside/balancer"
	"dyno/systems/lookaside/lookasidegrpc"
	"dyno/systems/lookaside/policy"
)

// System is the look-aside load balancer on the bench.
var System = &systems.System{
	Name:         "lookaside",
	Summary:      "a look-aside load balancer: clients ask it which server to use and send their work straight there",
	Roles:        []systems.Role{registryRole(), balancerRole(), serverRole(), clientRole()},
	Commands:     []systems.Command{demoCommand()},
	Knobs:        knobs,
	Metrics:      metrics,
	Trial:        trial,
	Check:        measurable,
	TimeConstant: timeConstant,
	Overhead:     overhead,
	Report:       reportTemplate,
}

//go:embed report.md.tmpl
var reportTemplate string

// Bounds of the knobs.
const (
	maxServers   = 64     // processes
	maxSimulated = 20_000 // servers in the simulator
	maxClients   = 1000
	maxRate      = 100_000 // requests per second
)

var knobs = []systems.Knob{
	{Name: "policy", Default: "least_load", Type: systems.Choice(policy.Names()), Help: "how the balancer chooses a server"},
	{Name: "mode", Default: modeAsk, Type: systems.Choice(modes), Help: modeHelp},
	{Name: "choose", Default: chooseRoundRobin, Type: systems.Choice(choices), Help: chooseHelp},
	{Name: "servers", Default: "12", Type: systems.Int{Min: 1, Max: maxSimulated}, Help: "how many servers; above 64 in the simulator only"},
	{Name: "clients", Default: "100", Type: systems.Int{Min: 1, Max: maxClients}, Help: "how many clients, each with one request at a time"},
	{Name: "rate", Unit: "req/s", Default: "0", Type: systems.Float{Min: 0, Max: maxRate}, Help: "of an open loop (Poisson arrivals); 0: a closed loop, or as offered-load says"},
	{Name: "offered-load", Unit: "1", Default: "0", Type: systems.Float{Min: 0, Max: 2}, Help: "the rate of an open loop as a share of what all servers can do; 0: as rate says"},
	{Name: "retries", Default: "3", Type: systems.Int{Min: 0, Max: lookasidegrpc.MaxRetries}, Help: "how often a request may be sent to another server after one broke off"},
	{Name: "attempt", Default: "0s", Type: systems.Duration{Min: 0, Max: time.Hour}, Help: "what one server is given to answer before another is tried; 0: longer than the longest queue takes"},
	{Name: "fault", Default: noFault, Type: systems.Choice(faultKinds), Help: "what strikes the first server, or the balancer, after a quarter of the window"},
	{Name: "service-time", Default: "20ms", Type: systems.Duration{Min: 0, Max: time.Minute}, Help: "mean time that a server of capacity 1 works on a request"},
	{Name: "cpu", Default: "0s", Type: systems.Duration{Min: 0, Max: time.Second}, Help: "processor time that a request really takes on a server of capacity 1, as hashing, instead of service-time; 0: the model"},
	{Name: "quota", Unit: "cores", Default: "0", Type: systems.Float{Min: 0, Max: 1}, Help: "processor time that each server is allowed per second, where the system permits quotas, else a flag says why not; 0: no quota"},
	{Name: "distribution", Default: "exp", Type: systems.Choice(queue.Distributions), Help: "of the service times: exponential or constant"},
	{Name: "capacity", Default: "", Type: systems.Floats{Min: balancer.MinCapacity, Max: balancer.MaxCapacity}, Help: "speeds of the first servers relative to a normal one, which the others are"},
	{Name: "report-interval", Default: "100ms", Type: systems.Duration{Min: 0, Max: time.Minute}, Help: "how often each server reports its load; 0: at each change, in the simulator only"},
	{Name: "world", Default: worldProcesses, Type: systems.Choice{worldProcesses, worldSimulator}, Help: "where a trial takes place: in processes, or the same cores in virtual time"},
	{Name: "mutant", Default: policy.MutantNone, Type: systems.Choice(policy.Mutants), Help: "what the balancer does on purpose instead of its policy, for the checks to find: throw dice, or give one pick in ten to the first server"},
}

var metrics = slices.Concat(load.SearchMetrics, []record.Metric{
	{Name: "throughput_rps", Kind: record.KindScalar, Unit: "req/s", Better: record.Higher, Help: "right answers per second of the window"},
	{Name: "response", Kind: record.KindHistogram, Unit: "ms", Better: record.Lower, Help: "from asking the balancer to the server's answer, of requests that ended in the window; of an open loop from the intended start, of requests that were to start in it"},
	{Name: "offered_rps", Kind: record.KindScalar, Unit: "req/s", Help: "open loop: requests that were to start in the window, per second"},
	{Name: "achieved_rps", Kind: record.KindScalar, Unit: "req/s", Help: "open loop: of these, requests that were sent"},
	{Name: "lag", Kind: record.KindHistogram, Unit: "ms", Better: record.Lower, Help: "open loop: from the intended to the actual start"},
	{Name: "availability", Kind: record.KindScalar, Unit: "1", Better: record.Higher, Help: "requests that were answered rightly, of those that ended in the window"},
	{Name: "client_errors", Kind: record.KindScalar, Unit: "req", Better: record.Lower, Help: "requests of the whole run that were not answered rightly"},
	{Name: "broken_attempts", Kind: record.KindScalar, Unit: "req", Better: record.Lower, Help: "attempts that brought no answer, made again elsewhere or not"},
	{Name: "recovery_ms", Kind: record.KindScalar, Unit: "ms", Better: record.Lower, Help: "from a fault to the end of the last request that met it: 0 when none did"},
	{Name: "alone", Kind: record.KindScalar, Unit: "req", Help: "mode ask: requests that used the last list, since the balancer was away"},
	{Name: "cpu_us_per_request", Kind: record.KindScalar, Unit: "us", Better: record.Lower, Help: "processor time of clients, balancer and servers per right answer"},
	{Name: "client_us_per_request", Kind: record.KindScalar, Unit: "us", Better: record.Lower, Help: "of that, the client process's"},
	{Name: "jain_requests", Kind: record.KindScalar, Unit: "1", Better: record.Higher, Help: "Jain's fairness index of the requests per server: 1 when all have the same, 1/n when one has all"},
	{Name: "jain_busy", Kind: record.KindScalar, Unit: "1", Better: record.Higher, Help: "the same of the service time given by each server"},
	{Name: "utilization", Kind: record.KindVector, Unit: "1", Help: "per server: service time of the requests that ended in the window, divided by the window"},
	{Name: "cpu", Kind: record.KindVector, Unit: "cores", Help: "per server: processor time used in the window, divided by the window"},
	{Name: "requests", Kind: record.KindVector, Unit: "req", Help: "per server: right answers in the window"},
	{Name: "max_in_flight", Kind: record.KindVector, Unit: "req", Better: record.Lower, Help: "per server: most requests at once, warm-up included"},
	{Name: "in_flight", Kind: record.KindScalar, Unit: "req", Help: "requests under way at the clients, mean over the window"},
	{Name: "lb_cores", Kind: record.KindScalar, Unit: "cores", Better: record.Lower, Help: "processor time of the balancer, divided by the window"},
	{Name: "generator_cores", Kind: record.KindScalar, Unit: "cores", Help: "processor time of the client process, divided by the window"},
	{Name: "servers_cores", Kind: record.KindScalar, Unit: "cores", Better: record.Lower, Help: "processor time of all servers together, divided by the window"},
	{Name: "quota_cores", Kind: record.KindScalar, Unit: "cores", Help: "processor time that each server was allowed per second; 0: as much as it could get"},
	{Name: "theory_throughput_rps", Kind: record.KindScalar, Unit: "req/s", Help: "what throughput tends to as clients grow in number: see Asymptote"},
	{Name: "theory_mean_ms", Kind: record.KindScalar, Unit: "ms", Help: "open loop: mean response time by theory, for the policies that have one"},
	{Name: "theory_p99_ms", Kind: record.KindScalar, Unit: "ms", Help: "open loop: 99th percentile by theory, for the policies that have one"},
	{Name: "theory_floor_ms", Kind: record.KindScalar, Unit: "ms", Help: "open loop: mean response time of one queue for all servers (M/M/n), which no policy goes below"},
	{Name: "simulated_rps", Kind: record.KindScalar, Unit: "req/s", Better: record.Higher, Help: "in the simulator: requests simulated per second of real time"},
	{Name: "oversleep_share", Kind: record.KindScalar, Unit: "1", Better: record.Lower, Help: "how late requests left against the service-time model, divided by the service time given"},
	{Name: "theory_knee_rps", Kind: record.KindScalar, Unit: "req/s", Help: "search: rate at which the 99th percentile by theory is the bound, for the policies that have one"},
	{Name: "simulated_knee_rps", Kind: record.KindScalar, Unit: "req/s", Help: "search: what the same search finds in the simulator"},
})

// bind declares flags for some of the knobs. It stands in for System.Bind,
// which the roles cannot call while System is being made of them.
func bind(fs systems.FlagSet, names ...string) systems.Values {
	return (&systems.System{Name: "lookaside", Knobs: knobs}).Bind(fs, names...)
}
