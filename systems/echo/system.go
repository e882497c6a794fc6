package echo

import (
	_ "embed"
	"slices"
	"time"

	"dyno/bench/driver"
	"dyno/bench/evidence"
	"dyno/bench/inject"
	"dyno/bench/lie"
	"dyno/bench/load"
	"dyno/bench/queue"
	"dyno/bench/rival"
	"dyno/internal/record"
	echov1 "dyno/proto/echo/v1"
	"dyno/systems"
)

const name = "echo"

// The knobs.
const (
	knobStall        = "stall"
	knobServiceTime  = "service-time"
	knobDistribution = "distribution"
	knobPayload      = "payload"
	knobMutant       = "mutant"
	knobLie          = "lie"
)

//go:embed report.md.tmpl
var section string

// New is echo on the bench. It is a function, so that the program that runs roles
// alone links neither the trial nor what its figures are held against.
func New() *systems.System {
	return &systems.System{
		Name:         name,
		Summary:      "the yardstick: a bare gRPC echo, the least that a call can cost",
		Roles:        Roles(),
		Knobs:        knobs,
		Metrics:      metrics(),
		Trial:        trial,
		Overhead:     func(systems.Values) time.Duration { return 120 * time.Millisecond },
		Check:        check,
		TimeConstant: timeConstant,
		Report:       section,
	}
}

// Roles are those of the system.
func Roles() []systems.Role {
	return []systems.Role{
		{Serves: true, Command: systems.Command{
			Name:    "server",
			Summary: "answers every request with its payload and a running number",
			Example: "dyno echo server --listen 127.0.0.1:7000\n" +
				"dyno echo server --listen 127.0.0.1:7000 --stall-at 4s --stall-for 3s",
			Setup: setupServer,
		}},
		{Command: systems.Command{
			Name:    "client",
			Summary: "drives a server in a closed or an open loop, checks the answers, prints rate and latency",
			Example: "dyno echo client --server 127.0.0.1:7000 --clients 8 --length 2s\n" +
				"dyno echo client --server 127.0.0.1:7000 --loop open --rate 100 --length 12s\n" +
				"dyno echo client --server 127.0.0.1:7000 --loop search --from 100 --to 20000 --p99-below 20ms --length 2s",
			Setup: setupClient,
		}},
		{Whole: true, Command: systems.Command{
			Name:    "ghz",
			Summary: "drives a server with ghz, another load generator, as a witness from outside",
			Example: "dyno echo ghz --server 127.0.0.1:7000 --rate 100 --length 12s",
			Setup:   setupGHZ,
		}},
		rival.Role(name, rival.RoleClient),
	}
}

var knobs = append(withFortio(driver.Knobs("constant")), systems.Knobs{
	{
		Name: knobStall, Default: "0s", Breaks: true, Type: systems.Duration{Min: 0, Max: 8 * time.Second},
		Help: "the server stops for so long from a third of the window on, then answers all that came",
	},
	{
		Name: knobServiceTime, Default: "0s", Type: systems.Duration{Min: 0, Max: time.Second},
		Help: "mean time that the server is busy with a request, one at a time; 0s: it answers at once",
	},
	{
		Name: knobDistribution, Default: "exp", Type: systems.Choice(queue.Distributions),
		Help: "of the service time: exponential, or always the same",
	},
	{Name: knobPayload, Unit: "B", Default: "16", Type: systems.Int{Min: 0, Max: 1 << 20}, Help: "payload of a request and of its answer"},
	inject.Links,
	{
		Name: knobMutant, Default: mutantNone, Type: mutants,
		Help: "what is wrong on purpose with one request in 100, for the checks to find; none: nothing",
	},
	{
		Name: knobLie, Default: lie.None, Type: systems.Choice(lie.All),
		Help: "what is said falsely on purpose about what was measured, for the checks to find; none: nothing",
	},
}...)

func metrics() []record.Metric {
	// An operation is one call, and the trial itself makes one more to ask
	// for the server's count.
	counted := evidence.Counts(evidence.Operations{
		Method: echov1.EchoService_Echo_FullMethodName, Clients: []string{"client"}, Servers: []string{"server"}, Asked: 1,
	})
	return slices.Concat(driver.Metrics(counted), []record.Metric{
		{
			Name: "server_cores", Kind: record.KindScalar, Unit: "cores", Help: "CPU time of the server process per second",
			Road: evidence.CPU(evidence.Cores, "server"),
		},
		{
			Name: "cpu_us_per_request", Kind: record.KindScalar, Unit: "µs", Better: record.Lower,
			Help: "CPU time of client and server together per OK request",
			Road: evidence.CPU(evidence.MicrosPerMeasured(load.DigestLatency)),
		},
		{
			Name: "theory_mean_ms", Kind: record.KindScalar, Unit: "ms",
			Help: "mean response time that callers who come at a steady rate must expect, by calculation", Road: evidence.Calculated(),
		},
		{
			Name: "theory_p90_ms", Kind: record.KindScalar, Unit: "ms", Help: "response time that 90 of 100 of such callers keep to",
			Road: evidence.Calculated(),
		},
		{
			Name: "theory_p95_ms", Kind: record.KindScalar, Unit: "ms", Help: "response time that 95 of 100 of such callers keep to",
			Road: evidence.Calculated(),
		},
		{
			Name: "theory_p99_ms", Kind: record.KindScalar, Unit: "ms", Help: "response time that 99 of 100 of such callers keep to",
			Road: evidence.Calculated(),
		},
		{
			Name: "theory_knee_rps", Kind: record.KindScalar, Unit: "req/s",
			Help: "rate at which 99 of 100 of such callers just keep to the bound of a search", Road: evidence.Calculated(),
		},
	})
}
