// Package check is what a correct [History] of a run is, whoever ran it:
// processes or the simulator. A figure of a run that fails is never drawn.
package check

import (
	"fmt"
	"slices"
	"time"

	"dyno/internal/record"
)

// History is what a trial knows when all requests are over: the balancer's
// counts, the servers' and the clients', from the first request to the last,
// warm-up and drain included. Times are on any one clock.
type History struct {
	Policy string
	// Asked says that every request was preceded by a question to the balancer
	// (mode ask), so that it saw each choice.
	Asked bool
	// Faults says that processes were killed, paused, drained or restarted.
	Faults bool
	// Moved says that servers left the balancer's table or joined again though
	// nobody had struck them: on a machine that is too busy to renew leases.
	// The balancer's counts of picks then start again.
	Moved bool
	// Service is the mean of the service-time model for a server of capacity 1;
	// 0 when servers burned CPU instead.
	Service time.Duration
	// Elapsed is at least the time from the first arrival to the last departure.
	Elapsed time.Duration
	// Bound is how long after its death a server may still be picked: the
	// lease's time to live + 1 s.
	Bound time.Duration

	Proxied *Proxied // nil: clients know who had each request

	Audit   Audit    // of the balancer; no picks when its policy promises nothing of single ones
	Servers []Server // in registration order, one entry per instance
	Clients []Client
	Calls   []Call // of each client the first ones, where another program has a role
}

// Server is one instance of a server.
type Server struct {
	ID, Instance string
	Capacity     float64
	Picks        int64 // by the balancer, of this instance
	Unused       int64 // of these, made ahead of requests and used by none, as the client says
	Tally        Tally

	// As the server counted; without meaning when Lost.
	Lost      bool // its counts died with it
	Requests  int64
	Abandoned int64
	InFlight  int64 // after the drain
	Area      time.Duration
	Busy      time.Duration
	Oversleep time.Duration

	// Of a server that left: when it was gone, and the last time that a client
	// was told to use it.
	Gone       bool
	GoneAt     time.Duration
	LastPicked time.Duration // 0: never
}

// Client is one client.
type Client struct {
	Name     string
	Counts   record.Counts
	Verified int64            // answers held against the client's own computation
	Wrong    int64            // of these, those that differed
	Servers  map[string]Share // by [Server.Key]
}

// Share is what clients had to do with one server.
type Share struct {
	Sent    int64         // requests that left for it
	OK      int64         // of these, answered rightly
	Sojourn time.Duration // sum of the times in the server that those answers told
}

// Key names an instance in [Client.Servers].
func (s *Server) Key() string { return s.ID + "/" + s.Instance }

// Checks holds the history against everything that the configuration
// promises. Which checks apply depends on it: exact counts of picks need a
// balancer that saw each of them, shares need servers that stayed, and
// least_load promises no shares but that no idle server is passed over.
func (h *History) Checks() []record.Check {
	checks := []record.Check{h.answers(), h.accounting(), h.little()}
	if h.Proxied != nil {
		checks = append(checks, h.proxied()...)
	}
	if h.Audit.Picks > 0 {
		checks = append(checks, h.audit())
	}
	if h.Asked && !h.Faults {
		checks = append(checks, h.picks())
		checks = append(checks, h.shares()...)
	}
	if slices.ContainsFunc(h.Servers, func(s Server) bool { return s.Gone }) {
		checks = append(checks, h.gone())
	}
	if h.Service > 0 {
		checks = append(checks, h.capacity(), h.punctual())
	}
	return checks
}

// Simulated holds the history of a simulation against what that promises: the
// checks of a real trial but those of answers and of timers, which it has not.
// strayed counts the picks that left the herd which least_reported makes.
func (h *History) Simulated(strayed int) []record.Check {
	checks := append([]record.Check{h.accounting(), h.little(), h.picks()}, h.shares()...)
	checks = append(checks, h.capacity())
	if strayed > 0 {
		return append(checks, record.Fail("herd", h.picksTotal(), "%d picks between two reports went elsewhere than the first one", strayed))
	}
	return checks
}

// answers: every answer was held against the client's own computation, and
// every one was right.
func (h *History) answers() record.Check {
	var verified int64
	for _, c := range h.Clients {
		verified += c.Verified
		if c.Wrong != 0 {
			return record.Fail("answers", c.Verified, "%s: %d of %d answers were wrong", c.Name, c.Wrong, c.Verified)
		}
		if c.Verified != c.Counts.OK {
			return record.Fail("answers", c.Verified, "%s: %d requests counted as ok, %d answers verified", c.Name, c.Counts.OK, c.Verified)
		}
	}
	return record.Pass("answers", verified)
}

// accounting: each client knows what became of each of its requests, and the
// servers completed what their clients say: as many requests as were answered
// and, where an answer may have been lost, at most as many as were sent.
func (h *History) accounting() record.Check {
	const name = "accounting"
	var n int64
	told, err := h.told()
	if err != nil {
		return record.Fail(name, 0, "%v", err)
	}
	for _, s := range h.Servers {
		t := told[s.Key()]
		n += t.Sent
		switch {
		case s.Lost:
		case s.Requests < t.OK || h.Proxied == nil && s.Requests+s.Abandoned+s.InFlight > t.Sent:
			return record.Fail(name, n, "%s: completed %d, abandoned %d, still has %d, but its clients sent %d and had %d answers",
				s.Key(), s.Requests, s.Abandoned, s.InFlight, t.Sent, t.OK)
		case s.InFlight != 0:
			return record.Doubt(name, n, "%s still has %d requests: the trial did not drain", s.Key(), s.InFlight)
		}
	}
	return record.Pass(name, n)
}

// told sums over clients what they say of each server, or returns what does
// not add up within a client.
func (h *History) told() (map[string]Share, error) {
	told := make(map[string]Share, len(h.Servers))
	for _, s := range h.Servers {
		told[s.Key()] = Share{}
	}
	for _, c := range h.Clients {
		if err := c.Counts.Conform(); err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name, err)
		}
		var ok int64
		for key, share := range c.Servers {
			sum, known := told[key]
			if !known {
				return nil, fmt.Errorf("%s was answered by %s, which is no server of this trial", c.Name, key)
			}
			if share.OK > share.Sent {
				return nil, fmt.Errorf("%s had %d answers from %s to %d requests", c.Name, share.OK, key, share.Sent)
			}
			ok += share.OK
			told[key] = Share{Sent: sum.Sent + share.Sent, OK: sum.OK + share.OK, Sojourn: sum.Sojourn + share.Sojourn}
		}
		if ok != c.Counts.OK {
			return nil, fmt.Errorf("%s: ok %d, but %d answers by server", c.Name, c.Counts.OK, ok)
		}
	}
	return told, nil
}

// little: at each server the area under the number of requests in it equals
// the sum of the times that they spent in it (Little's law, to the
// nanosecond); it exceeds the sum that clients were told where answers were
// lost.
func (h *History) little() record.Check {
	const name = "little-at-servers"
	var n int64
	told, err := h.told()
	if err != nil {
		return record.Doubt(name, 0, "the accounts do not add up")
	}
	for _, s := range h.Servers {
		t := told[s.Key()]
		if s.Lost || s.InFlight != 0 {
			continue
		}
		n += t.OK
		whole := t.OK == t.Sent && s.Requests+s.Abandoned == t.OK
		if s.Area < t.Sojourn || whole && s.Area != t.Sojourn {
			return record.Fail(name, n, "%s: area under the number in flight %d ns, its clients were told %d ns in %d answers to %d requests",
				s.Key(), s.Area, t.Sojourn, t.OK, t.Sent)
		}
	}
	return record.Pass(name, n)
}

// moved is why counts that assume that servers stayed prove nothing.
const moved = "servers left the balancer's table or joined again: the machine was too busy to renew their leases"

// picks: the balancer picked each server as often as clients sent to it, or let a
// pick that was made ahead go unused.
func (h *History) picks() record.Check {
	const name = "picks"
	var n int64
	told, err := h.told()
	if err != nil {
		return record.Doubt(name, 0, "the accounts do not add up")
	}
	for _, s := range h.Servers {
		n += s.Picks
		if sent := told[s.Key()].Sent; s.Picks != sent+s.Unused {
			if h.Moved {
				return record.Doubt(name, n, "%s", moved)
			}
			return record.Fail(name, n, "%s was picked %d times, its clients sent it %d requests and left %d picks unused",
				s.Key(), s.Picks, sent, s.Unused)
		}
	}
	return record.Pass(name, n)
}

// gone: nobody was sent to a server that had been gone for longer than the bound.
func (h *History) gone() record.Check {
	const name = "gone"
	var n int64
	for _, s := range h.Servers {
		if !s.Gone {
			continue
		}
		n++
		if late := s.LastPicked - s.GoneAt; late > h.Bound {
			return record.Fail(name, n, "%s was picked %v after it was gone; the bound is %v", s.Key(), late, h.Bound)
		}
	}
	return record.Pass(name, n)
}
