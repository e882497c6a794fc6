package standby

import (
	"time"

	"dyno/systems"
)

// ladder is climbed by dyno check.
var ladder = []systems.Rung{
	{
		Name: "speaks", Promise: "Two servers become a primary and a standby, and a client is answered.",
		Knobs:  map[string]string{"clients": "1", "accounts": "1", "lease": "500ms"},
		Length: 300 * time.Millisecond,
	},
	{
		Name: "alone", Promise: "The answers to one client are those of the order of the action ids.",
		Knobs:  map[string]string{"clients": "1", "accounts": "4", "lookups": "0.3", "lease": "500ms"},
		Length: 500 * time.Millisecond,
	},
	{
		Name: "two-clients", Promise: "Two clients lose nothing of each other's.",
		Knobs:  map[string]string{"clients": "2", "accounts": "1", "lookups": "0.3", "lease": "500ms"},
		Length: 500 * time.Millisecond,
	},
	{
		Name: "load", Promise: "The same holds for 32 clients, and both servers end with the same accounts.",
		Knobs:  map[string]string{"clients": "32", "lookups": "0.2", "lease": "500ms"},
		Warmup: 100 * time.Millisecond, Length: time.Second,
	},
	{
		Name: "slow", Promise: "Actions that are shipped late are acknowledged late, and not before.",
		Knobs:  map[string]string{"clients": "8", "lease": "1s", "faults": "delay s1<->s2=10ms@0s"},
		Length: time.Second, MaxFailures: "5%",
	},
	{
		Name: "standby-killed", Promise: "A standby that was killed comes back and catches up.",
		Knobs:  map[string]string{"clients": "8", "lease": "500ms", "faults": "kill s2@300ms..600ms"},
		Length: 2500 * time.Millisecond, MaxFailures: "5%",
	},
	{
		Name: "primary-killed", Promise: "Of a primary that was killed nothing is lost, and no request is done twice.",
		Knobs:  map[string]string{"clients": "8", "lease": "300ms", "strike": "kill", "strikes": "2"},
		Length: time.Second, MaxFailures: "5%",
	},
	{
		Name: "primary-paused", Promise: "A primary that stood still for longer than its lease acknowledges nothing when it goes on.",
		Knobs:  map[string]string{"clients": "8", "lease": "300ms", "strike": "pause", "strikes": "2"},
		Length: time.Second, MaxFailures: "5%",
	},
	{
		Name: "costs", Promise: "Throughput, response times and processor time, beside dyno's own servers.",
		Knobs:  map[string]string{"clients": "16", "lease": "500ms"},
		Warmup: 200 * time.Millisecond, Length: time.Second,
		Costs: []string{"throughput_rps", "response.p50", "response.p99", "server_cores"},
	},
}
