package lookaside

import (
	"time"

	"dyno/systems"
)

// ladder is climbed by dyno check.
var ladder = []systems.Rung{
	{
		Name: "speaks", Promise: "One client is sent to the only server, and gets right answers.",
		Knobs:  map[string]string{"servers": "1", "clients": "1", "policy": "round_robin", "service-time": "20ms"},
		Length: 500 * time.Millisecond,
	},
	{
		Name: "turns", Promise: "Of three servers each has its turn: the counts differ by at most one.",
		Knobs:  map[string]string{"servers": "3", "clients": "1", "policy": "round_robin", "service-time": "20ms"},
		Length: 700 * time.Millisecond,
	},
	{
		Name: "two-clients", Promise: "Two clients at once share the same turns.",
		Knobs:  map[string]string{"servers": "3", "clients": "2", "policy": "round_robin", "service-time": "20ms"},
		Length: 700 * time.Millisecond,
	},
	{
		Name: "load", Promise: "Twenty clients keep the turns, and every request is accounted for on both sides.",
		Knobs:  map[string]string{"servers": "4", "clients": "20", "policy": "round_robin", "service-time": "20ms"},
		Length: time.Second,
	},
	{
		Name: "least-load", Promise: "The balancer follows the servers' reports, and passes over nobody who is idle.",
		Knobs:  map[string]string{"servers": "4", "clients": "8", "policy": "least_load", "service-time": "20ms", "capacity": "1,1,0.5"},
		Length: 1500 * time.Millisecond,
	},
	{
		Name: "lists", Promise: "Clients that choose by themselves are told which servers there are.",
		Knobs:  map[string]string{"servers": "3", "clients": "6", "mode": "list", "service-time": "20ms"},
		Length: time.Second,
	},
	{
		Name: "paused", Promise: "A server that stands still is left out, and its requests go to others.",
		Knobs: map[string]string{
			"servers": "3", "clients": "6", "policy": "round_robin", "service-time": "20ms", "fault": "pause", "attempt": "300ms",
		},
		Length: 6 * time.Second, MaxFailures: "5%",
	},
	{
		Name: "killed", Promise: "A server that was killed is left out, and nothing is answered twice or wrongly.",
		Knobs:  map[string]string{"servers": "3", "clients": "6", "policy": "round_robin", "service-time": "20ms", "fault": "kill"},
		Length: 6 * time.Second, MaxFailures: "5%",
	},
	{
		Name: "restarted", Promise: "A balancer that was killed is followed by one at another address that knows all servers.",
		Knobs:  map[string]string{"servers": "3", "clients": "6", "policy": "round_robin", "service-time": "20ms", "fault": "restart-lb"},
		Length: 4 * time.Second, MaxFailures: "5%",
	},
	{
		Name: "costs", Promise: "Throughput, response times and processor time, beside dyno's own roles.",
		Knobs:  map[string]string{"servers": "4", "clients": "16", "policy": "round_robin", "service-time": "20ms"},
		Warmup: 300 * time.Millisecond, Length: 1500 * time.Millisecond,
		Costs: []string{"throughput_rps", "response.p50", "response.p99", "lb_cores", "servers_cores"},
	},
}
