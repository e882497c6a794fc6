// Package policy holds the rules by which the look-aside balancer chooses a
// server: one file per policy, and the slice [All] that lists them.
//
// A policy is a pure choice. It sees the servers that may be picked, in
// registration order, with their load as the balancer knows it, and returns
// the index of one. It keeps at most a little state of its own (a cursor), has
// no clock, and draws randomness only from the generator it is given, so that
// a seed repeats every choice.
//
// To add a policy: write one file with its Maker, and add the Maker to All.
// The conformance suite (conformance_test.go), the command line and the checks
// of every trial then know it.
package policy

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Server is what a policy sees of one server that may be picked: it is
// registered, not draining and not suspected of being dead.
type Server struct {
	ID       string
	Revision int64   // of its registration; older servers have smaller ones
	Capacity float64 // speed relative to a normal server, above 0

	// InFlight is the number of requests it had when it last reported; where
	// there is no recent report, the mean of the others' (0 if nobody has one).
	InFlight float64
	// Assigned is how often it was picked since that report.
	Assigned int
	// ErrorRate is how many of its answers were errors, per second, as recently reported.
	ErrorRate float64

	// QPS and Utilization are the requests finished per second, errors included,
	// and the share of the time that it was busy, averaged over the last
	// reports. Both are 0 while too little is known to compare servers by them.
	QPS, Utilization float64
	// Latency is the time that requests spend in it, as reported.
	Latency Peak
	// Silent says that it used to report and has stopped, while others go on:
	// it is hung or cut off, and whether it is dead is not yet known.
	Silent bool
}

// Policy chooses a server. It is not safe for concurrent use: the balancer
// picks one at a time, which is what makes counts exact.
type Policy interface {
	// Pick returns an index into servers, which holds at least one, in
	// registration order (Revision, then ID). It must not change servers. Times
	// are on the balancer's clock and do not run backwards.
	Pick(now time.Duration, servers []Server, rng *rand.Rand) int
}

// Scored is a Policy that picks the server with the lowest score. The balancer
// keeps an index of the scores, so that a pick costs O(log n) and not O(n); Pick
// is the rule without it.
type Scored interface {
	Policy
	// Score depends on nothing but the server. It is never NaN.
	Score(s *Server) float64
	// First says that of several servers with the lowest score the first one is
	// picked, in registration order; else each of them has the same chance.
	First() bool
}

// Prober is a Policy that asks servers for their load instead of waiting for
// reports.
type Prober interface {
	Policy
	// Probes returns indices into servers of those to be probed now, a few.
	// It is asked once after each Pick, with the same servers. The slice is valid
	// until the next call.
	Probes(servers []Server, rng *rand.Rand) []int
	// Probed is told what a probe found. Some are lost and some late.
	Probed(now time.Duration, p Probe)
}

// Probe is the answer to one.
type Probe struct {
	ID       string
	Revision int64         // of the server's registration
	InFlight float64       // requests in the server
	Latency  time.Duration // that requests met which came when it had about as many; 0: none so far
}

// Shares says how a policy's picks fall on servers that stay the same. The
// conformance suite and every trial's check hold it to that.
type Shares string

// The promises a policy may make about servers that stay the same.
const (
	// First: all picks go to the first server.
	First Shares = "first"
	// Even: counts differ by at most 1 after any number of picks.
	Even Shares = "even"
	// Chance: each pick falls on each server with the same probability,
	// whatever fell before.
	Chance Shares = "chance"
	// Weighted: the share of a server follows its weight, so that no two servers
	// of one weight differ by more than 2 picks; without news of the load,
	// weights are capacities.
	Weighted Shares = "weighted"
	// Loaded: shares follow the load; all that is promised is that the pick has
	// the lowest load per capacity, so that no idle server is passed over for a
	// busy one of the same capacity.
	Loaded Shares = "loaded"
	// Pairs: two servers are drawn, each pair with the same probability, and the
	// better one is picked: no idle server of the highest capacity is left out
	// for good, and nobody is picked more often than drawn, which is in 2 of n.
	Pairs Shares = "pairs"
	// Probed: shares follow what probes find; all that is promised is that
	// everybody is probed, so that no idle server is left out for good.
	Probed Shares = "probed"
	// Stale: between two reports all picks go to the server that reported the
	// lowest load per capacity.
	Stale Shares = "stale"
)

// Maker names a policy and makes fresh ones.
type Maker struct {
	Name    string // as on the command line
	Summary string // one line
	Shares  Shares
	// Other says that the policy goes by another load than [Loads], so that its
	// single picks cannot be audited by that.
	Other bool
	New   func() Policy
}

// Audited is what a policy's single picks can be held to, with [Chances]; empty
// if nothing.
func (m Maker) Audited() Shares {
	if m.Other {
		return ""
	}
	return m.Shares
}

// All lists every policy in the order in which the report shows them.
var All = []Maker{
	PickFirst,
	RoundRobin,
	Random,
	WeightedRoundRobin,
	PowerOfTwo,
	PeakEWMA,
	LeastLoad,
	Prequal,
	LeastReported,
}

// Names lists the names of all policies.
func Names() []string {
	names := make([]string, len(All))
	for i, m := range All {
		names[i] = m.Name
	}
	return names
}

// New makes the named policy. The error of an unknown name says which ones
// there are.
func New(name string) (Policy, error) {
	m, err := Lookup(name)
	if err != nil {
		return nil, err
	}
	return m.New(), nil
}

// Lookup finds a policy by name, with the same error as [New].
func Lookup(name string) (Maker, error) {
	for _, m := range All {
		if m.Name == name {
			return m, nil
		}
	}
	return Maker{}, fmt.Errorf("policy %q is not one of %s", name, strings.Join(Names(), ", "))
}
