package policy

import (
	"fmt"
	"math/rand/v2"
	"strings"
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
}

// Policy chooses a server. It is not safe for concurrent use: the balancer
// picks one at a time, which is what makes counts exact.
type Policy interface {
	// Pick returns an index into servers, which holds at least one, in
	// registration order (Revision, then ID). It must not change servers.
	Pick(servers []Server, rng *rand.Rand) int
}

// Shares says how a policy's picks fall on servers that stay the same. The
// conformance suite and every trial's check hold it to that.
type Shares string

// The promises a policy may make.
const (
	// First: all picks go to the first server.
	First Shares = "first"
	// Even: counts differ by at most 1 after any number of picks.
	Even Shares = "even"
	// Loaded: shares follow the load; all that is promised is that the pick has
	// the lowest load per capacity, so that no idle server is passed over for a
	// busy one of the same capacity.
	Loaded Shares = "loaded"
)

// Maker names a policy and makes fresh ones.
type Maker struct {
	Name    string // as on the command line
	Summary string // one line
	Shares  Shares
	New     func() Policy
}

// All lists every policy in the order in which the report shows them.
var All = []Maker{PickFirst, RoundRobin, LeastLoad}

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
