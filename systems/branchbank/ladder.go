package branchbank

import (
	"time"

	"dyno/systems"
)

// ladder is climbed by dyno check. Waiting for all branches (sync) is what the
// course asks for, and the one mode in which every query can be judged.
var ladder = []systems.Rung{
	{
		Name: "speaks", Promise: "A single branch answers queries, deposits and withdrawals.",
		Knobs:  map[string]string{"branches": "1", "clients": "1", "queries": "0.34"},
		Length: 300 * time.Millisecond,
	},
	{
		Name: "alone", Promise: "A single branch with one customer and little money adds up right, and pays out nothing that it does not have.",
		Knobs:  map[string]string{"branches": "1", "clients": "1", "balance": "20"},
		Length: 500 * time.Millisecond,
	},
	{
		Name: "two-clients", Promise: "Two customers at once at a single branch lose nothing of each other's.",
		Knobs:  map[string]string{"branches": "1", "clients": "2", "balance": "20"},
		Length: 500 * time.Millisecond,
	},
	{
		Name: "replicas", Promise: "What was answered at one branch is seen at every other one, and all end with the same balance.",
		Knobs:  map[string]string{"branches": "3", "clients": "1", "queries": "0.5", "roam": "yes"},
		Length: 500 * time.Millisecond,
	},
	{
		Name: "two-branches", Promise: "Customers at different branches at the same time are all counted, and read what was answered before.",
		Knobs:  map[string]string{"branches": "2", "clients": "2", "queries": "0.5"},
		Length: 700 * time.Millisecond,
	},
	{
		Name: "load", Promise: "The same holds for three branches and twelve customers.",
		Knobs:  map[string]string{"branches": "3", "clients": "12"},
		Warmup: 100 * time.Millisecond, Length: time.Second,
	},
	{
		Name: "retries", Promise: "A request that is asked again under its id happens once.",
		Knobs:  map[string]string{"branches": "2", "clients": "4", "repeats": "0.5"},
		Length: 700 * time.Millisecond,
	},
	{
		Name: "slow", Promise: "Messages that are 20 ms under way change no answer.",
		Knobs:  map[string]string{"branches": "3", "clients": "6", "delay": "20ms"},
		Length: time.Second, MaxFailures: "5%",
	},
	{
		Name: "cut-off", Promise: "A branch that was cut off from the others for 300 ms has what they have, and they what it has.",
		Knobs:  map[string]string{"branches": "3", "clients": "6", "faults": "cut b2-b1,b3@300ms..600ms"},
		Length: 1500 * time.Millisecond, MaxFailures: "5%",
	},
	{
		Name: "paused", Promise: "A branch that stood still for 300 ms goes on as if nothing had been.",
		Knobs:  map[string]string{"branches": "3", "clients": "6", "faults": "pause b2@300ms..600ms"},
		Length: 1500 * time.Millisecond, MaxFailures: "5%",
	},
	{
		Name: "restarted", Promise: "A branch that was asked to stop and is started again has its state.",
		Knobs:  map[string]string{"branches": "3", "clients": "6", "faults": "stop b2@300ms..600ms"},
		Length: 2 * time.Second, MaxFailures: "5%",
	},
	{
		Name: "killed", Promise: "A branch that was killed without a warning forgets nothing that was answered.",
		Knobs:  map[string]string{"branches": "3", "clients": "6", "faults": "kill b2@300ms..600ms; kill b1@900ms..1200ms"},
		Length: 2500 * time.Millisecond, MaxFailures: "5%",
	},
	{
		Name: "costs", Promise: "Throughput, response times and processor time, beside dyno's own branches.",
		Knobs:  map[string]string{"branches": "3", "clients": "8"},
		Warmup: 200 * time.Millisecond, Length: time.Second,
		Costs: []string{"throughput_rps", "response.p50", "response.p99", "branches_cores"},
	},
}
