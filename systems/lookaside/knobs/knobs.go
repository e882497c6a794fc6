// Package knobs are what a trial of lookaside, and its roles, can be told. It stands
// apart from the trial, which roles need not link.
package knobs

import (
	"slices"
	"time"

	"dyno/bench/fault"
	"dyno/bench/lie"
	"dyno/bench/queue"
	"dyno/systems"
	"dyno/systems/lookaside/client"
	"dyno/systems/lookaside/core/balancer"
	"dyno/systems/lookaside/core/policy"
	"dyno/systems/lookaside/lookasidegrpc"
	"dyno/systems/lookaside/rival"
)

// Bounds of the knobs.
const (
	MaxServers   = 64     // processes
	maxSimulated = 20_000 // servers in the simulator
	maxClients   = 1000
	maxRate      = 100_000 // requests per second
)

// The kinds of faults. They hit real processes, as package fault says where the
// word is one of its own.
const (
	NoFault = "none"
	Kill    = string(fault.Kill)
	Pause   = string(fault.Pause) // until the load is over
	Stop    = string(fault.Stop)  // it finishes what it has
	Restart = "restart-lb"        // kill the balancer and start another one, elsewhere
	Fail    = "fail"              // it answers by errors, much sooner than it would serve
	Hang    = "hang"              // it takes requests and never answers; its reports go on
)

// Worlds a trial can be in: the knob "world".
const (
	Processes = "processes" // each role a process of its own, in real time
	Simulator = "simulator" // the same cores in virtual time
)

// All are the knobs.
var All = slices.Concat(rival.Knobs, systems.Knobs{
	{Name: "policy", Default: "least_load", Type: systems.Choice(policy.Names()), Help: "how the balancer chooses a server"},
	{
		Name: "mode", Default: client.ModeAsk, Type: systems.Choice(client.Modes),
		Help: "who chooses the server: ask the balancer for every request; list: the client, from the balancer's list; grpc: a balancer of " +
			"grpc-go's; direct: nobody, all go to the first",
	},
	{
		Name: "choose", Default: client.ChooseRoundRobin, Type: systems.Choice(client.Choices),
		Help: "how the client chooses, in mode list (round_robin or power_of_two) and in mode grpc (all but power_of_two)",
	},
	{Name: "servers", Default: "12", Type: systems.Int{Min: 1, Max: maxSimulated}, Help: "how many servers; above 64 in the simulator only"},
	{Name: "clients", Default: "100", Type: systems.Int{Min: 1, Max: maxClients}, Help: "how many clients, each with one request at a time"},
	{
		Name: "rate", Unit: "req/s", Default: "0", Type: systems.Float{Min: 0, Max: maxRate},
		Help: "of an open loop: requests come at random (Poisson) whatever happens, and latency runs from the intended start; 0: a closed loop",
	},
	{
		Name: "offered-load", Unit: "1", Default: "0", Type: systems.Float{Min: 0, Max: 2},
		Help: "the rate of an open loop as a share of what all servers can do; 0: as rate says",
	},
	{
		Name: "retries", Default: "3", Type: systems.Int{Min: 0, Max: lookasidegrpc.MaxRetries},
		Help: "how often a request may be sent to another server after one broke off, in the modes ask and list",
	},
	{
		Name: "reserve", Default: "64", Type: systems.Int{Min: 0, Max: lookasidegrpc.MaxReserve},
		Help: "how many picks the client may have made ahead of its requests, in mode ask, each to be used within 20 ms, while " +
			"there are more than 1,000 requests per second; 0: none, every request waits for the balancer",
	},
	{
		Name: "attempt", Default: "0s", Type: systems.Duration{Min: 0, Max: time.Hour},
		Help: "what one server is given to answer before another is tried; 0: longer than the longest queue takes",
	},
	{
		Name: "fault", Default: NoFault, Breaks: true, Type: systems.Choice{NoFault, Kill, Pause, Stop, Restart, Fail, Hang},
		Help: "what strikes the first server, or the balancer, after a quarter of the window",
	},
	{
		Name: "service-time", Default: "20ms", Type: systems.Duration{Min: 0, Max: time.Minute},
		Help: "mean time that a server of capacity 1 works on a request",
	},
	{
		Name: "cpu", Default: "0s", Type: systems.Duration{Min: 0, Max: time.Second},
		Help: "processor time that a request really takes on a server of capacity 1, as hashing, instead of service-time; 0: the model",
	},
	{
		Name: "quota", Unit: "cores", Default: "0", Type: systems.Float{Min: 0, Max: 1},
		Help: "processor time that each server is allowed per second, where the system permits quotas, else a flag says why not; 0: no quota",
	},
	{Name: "distribution", Default: "exp", Type: systems.Choice(queue.Distributions), Help: "of the service times: exponential or constant"},
	{
		Name: "capacity", Default: "", Type: systems.Floats{Min: balancer.MinCapacity, Max: balancer.MaxCapacity},
		Help: "speeds of the first servers relative to a normal one, which the others are",
	},
	{
		Name: "report-interval", Default: "100ms", Type: systems.Duration{Min: 0, Max: time.Minute},
		Help: "how often each server reports its load; 0: at each change, in the simulator only",
	},
	{
		Name: "lie", Default: lie.None, Type: systems.Choice(lie.All),
		Help: "what is said falsely on purpose about what was measured, for the checks to find; none: nothing",
	},
	{
		Name: "world", Default: Processes, Type: systems.Choice{Processes, Simulator},
		Help: "where a trial takes place: in processes, or the same cores in virtual time",
	},
	{
		Name: "mutant", Default: policy.MutantNone, Type: systems.Choice(policy.Mutants),
		Help: "what the balancer does on purpose instead of its policy, for the checks to find: throw dice, or give one pick in ten to the " +
			"first server",
	},
})
