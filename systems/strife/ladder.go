package strife

import (
	"time"

	"dyno/systems"
)

// ladder is climbed by dyno check. First without certificates, so that who begins
// need not begin with them.
var ladder = []systems.Rung{
	{
		Name: "speaks", Promise: "A user logs in and pays another one of the same bank, in plain text.",
		Knobs:  map[string]string{"banks": "1", "clients": "1", "protection": "none"},
		Length: 500 * time.Millisecond,
	},
	{
		Name: "two-banks", Promise: "A payment from bank to bank happens at both, or at none.",
		Knobs:  map[string]string{"banks": "2", "clients": "1", "protection": "none"},
		Length: 500 * time.Millisecond,
	},
	{
		Name: "two-clients", Promise: "Two users who pay at once lose nothing of each other's.",
		Knobs:  map[string]string{"banks": "2", "clients": "2", "protection": "none"},
		Length: 700 * time.Millisecond,
	},
	{
		Name: "protected", Promise: "The same under mutual TLS, sessions and rules.",
		Knobs:  map[string]string{"banks": "2", "clients": "2", "protection": "full"},
		Length: 700 * time.Millisecond,
	},
	{
		Name: "load", Promise: "The same for sixteen users.",
		Knobs:  map[string]string{"banks": "2", "clients": "16"},
		Warmup: 100 * time.Millisecond, Length: time.Second,
	},
	{
		Name: "slow", Promise: "A bank whose messages are 20 ms under way changes no outcome.",
		Knobs:  map[string]string{"banks": "2", "clients": "4", "bank-delay": "20ms"},
		Length: time.Second, MaxFailures: "5%",
	},
	{
		Name: "bank-paused", Promise: "A bank that stood still for 300 ms is asked again, and nothing happens twice.",
		Knobs: map[string]string{
			"banks": "2", "clients": "4", "retry": "on", "attempt": "500ms", "faults": "pause beta@300ms..600ms",
		},
		Length: 2 * time.Second, MaxFailures: "50%",
	},
	{
		Name: "bank-killed", Promise: "A bank that was killed remembers what it has voted yes to.",
		Knobs: map[string]string{
			"banks": "2", "clients": "4", "retry": "on", "attempt": "500ms", "faults": "kill beta@300ms..600ms; kill alpha@1200ms..1500ms",
		},
		Length: 2500 * time.Millisecond, MaxFailures: "50%",
	},
	{
		Name: "gateway-killed", Promise: "A gateway that was killed has forgotten no decision and no key.",
		Knobs: map[string]string{
			"banks": "2", "clients": "4", "retry": "on", "attempt": "500ms", "faults": "kill gateway@300ms..600ms",
		},
		Length: 2500 * time.Millisecond, MaxFailures: "50%",
	},
	{
		Name: "costs", Promise: "Payments per second, response times and processor time, beside dyno's own servers.",
		Knobs:  map[string]string{"banks": "2", "clients": "8"},
		Warmup: 200 * time.Millisecond, Length: time.Second,
		Costs: []string{"throughput_rps", "response.p50", "response.p99", "cpu_us_per_payment"},
	},
}
