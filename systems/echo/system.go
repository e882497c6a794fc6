package echo

import (
	_ "embed"

	"dyno/internal/record"
	"dyno/systems"
)

const name = "echo"

// The knobs.
const (
	knobClients = "clients"
	knobPayload = "payload"
)

//go:embed report.md.tmpl
var section string

// System is echo on the bench.
var System = &systems.System{
	Name:    name,
	Summary: "the yardstick: a bare gRPC echo, the least that a call can cost",
	Roles: []systems.Role{
		{Serves: true, Command: systems.Command{
			Name:    "server",
			Summary: "answers every request with its payload and a running number",
			Example: "dyno echo server --listen 127.0.0.1:7000",
			Setup:   setupServer,
		}},
		{Command: systems.Command{
			Name:    "client",
			Summary: "drives a server in a closed loop, checks the answers, prints rate and latency",
			Example: "dyno echo client --server 127.0.0.1:7000 --clients 8 --length 2s",
			Setup:   setupClient,
		}},
	},
	Knobs:   knobs,
	Metrics: metrics,
	Trial:   trial,
	Report:  section,
}

var knobs = []systems.Knob{
	{Name: knobClients, Default: "8", Type: systems.Int{Min: 1, Max: 1000}, Help: "clients of the closed loop, one request in flight each, all on one connection"},
	{Name: knobPayload, Unit: "B", Default: "16", Type: systems.Int{Min: 0, Max: 1 << 20}, Help: "payload of a request and of its answer"},
}

var metrics = []record.Metric{
	{Name: "throughput_rps", Kind: record.KindScalar, Unit: "req/s", Better: record.Higher, Help: "OK requests that ended in the window, per second"},
	{Name: "response", Kind: record.KindHistogram, Unit: "ms", Better: record.Lower, Help: "time from sending a request to its answer, of OK requests that ended in the window"},
	{Name: "generator_cores", Kind: record.KindScalar, Unit: "cores", Help: "CPU time of the client process per second"},
	{Name: "server_cores", Kind: record.KindScalar, Unit: "cores", Help: "CPU time of the server process per second"},
	{Name: "cpu_us_per_request", Kind: record.KindScalar, Unit: "µs", Better: record.Lower, Help: "CPU time of client and server together per OK request"},
}
