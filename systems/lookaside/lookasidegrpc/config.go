package lookasidegrpc

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"

	"dyno/internal/rpc"
)

// Scheme is that of the targets that are balanced: "lookaside:///SERVICE".
const Scheme = "lookaside"

// The modes.
const (
	Ask  = "ask"  // the balancer chooses, for every call
	List = "list" // the client chooses, from the balancer's list
)

// The ways in which a client may choose by itself.
const (
	RoundRobin = "round_robin"  // each server in turn, from a random one on
	PowerOfTwo = "power_of_two" // of two at random, the one with fewer of this client's calls, divided by capacity
)

// Bounds and defaults of [Config].
const (
	MaxRetries    = 16
	DefaultBudget = 1000
)

// Config says how calls are balanced.
type Config struct {
	Mode   string // Ask or List; required
	Choose string // how List chooses, and Ask while the balancer is away; empty: RoundRobin
	Seed   uint64 // of the random offset and choices

	// Find follows where the balancer of a service is, until the context ends,
	// and calls found with each new HOST:PORT; with "" when it has looked and
	// there is none. Required.
	Find func(ctx context.Context, service string, found func(addr string))

	// Attempt is what one server is given to answer; 0: all of the call's time.
	Attempt time.Duration
	// Retries is how often a call may be made again after a server broke off;
	// 0 to MaxRetries. Retry says for which methods, by full name; nil: none.
	Retries int
	Retry   func(method string) bool
	// Budget bounds retries: so many at once, and one for every five answers
	// from then on; 0: DefaultBudget.
	Budget int

	// Reserve is how many picks mode Ask may have made ahead of the calls, 0 to
	// MaxReserve, so that most calls need not wait for the balancer. A pick is
	// used within 20 ms or not at all, and none is made while calls are rarer than
	// one in a millisecond. 0: each call is asked for.
	Reserve int

	// Dial connects to the balancer; nil: in plain text.
	Dial func(addr string) (*grpc.ClientConn, error)
}

func (c Config) complete() (Config, error) {
	if c.Choose == "" {
		c.Choose = RoundRobin
	}
	if c.Budget == 0 {
		c.Budget = DefaultBudget
	}
	if c.Dial == nil {
		c.Dial = func(addr string) (*grpc.ClientConn, error) { return rpc.Dial(addr, rpc.FixedWindows()...) }
	}
	switch {
	case c.Mode != Ask && c.Mode != List:
		return c, fmt.Errorf("lookasidegrpc: Mode is %q; it must be %s or %s", c.Mode, Ask, List)
	case c.Choose != RoundRobin && c.Choose != PowerOfTwo:
		return c, fmt.Errorf("lookasidegrpc: Choose is %q; it must be %s or %s", c.Choose, RoundRobin, PowerOfTwo)
	case c.Reserve < 0 || c.Reserve > MaxReserve:
		return c, fmt.Errorf("lookasidegrpc: Reserve is %d; it must be from 0 to %d", c.Reserve, MaxReserve)
	case c.Find == nil:
		return c, fmt.Errorf("lookasidegrpc: Find is missing")
	case c.Retries < 0 || c.Retries > MaxRetries || c.Budget < 0 || c.Attempt < 0:
		return c, fmt.Errorf("lookasidegrpc: Retries %d (0 to %d), Budget %d and Attempt %v must not be negative",
			c.Retries, MaxRetries, c.Budget, c.Attempt)
	}
	return c, nil
}

// Server is one instance of a server, as the balancer names it.
type Server struct{ ID, Instance, Address string }

// Attempt is one try of a call.
type Attempt struct {
	Server Server // zero: none was found
	At     time.Time
	Err    error
}

// Trace is a call option that records a call's attempts. It belongs to one call
// at a time, and is read once that has ended.
type Trace struct {
	grpc.EmptyCallOption
	Attempts []Attempt
}

// Stats is what a [Builder] counted, over all its channels.
type Stats struct {
	Alone   int64 // calls in mode Ask that chose from the last list, since the balancer was away
	Retried int64 // attempts after a server broke off
	Broke   int64 // retries that the budget did not allow
}

// Reserved is what came of the picks that were made ahead of calls.
type Reserved struct {
	Used        int64
	Age, Oldest time.Duration    // of those used when they were: the mean, and the oldest
	Unused      map[Server]int64 // too old, or left over, by server
}
