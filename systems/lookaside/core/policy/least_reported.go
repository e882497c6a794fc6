package policy

import (
	"math/rand/v2"
	"time"
)

// LeastReported picks the server whose last report looked best, the first of
// several such in registration order, and does not count what it has picked
// since. It is the mistake that [LeastLoad] avoids, kept so that it can be
// shown: until the next report all requests run to one server, the herd. With
// reports every T, n servers and utilisation ρ the mean response time is about
//
//	S + (T/2)(nρ − 1)
//
// since of the nρT/S requests that come between two reports the chosen server
// serves T/S.
var LeastReported = Maker{
	Name:    "least_reported",
	Summary: "the lowest load per capacity as last reported, own picks not counted: to show the herd, not to be used",
	Shares:  Stale,
	New:     func() Policy { return leastReported{} },
}

type leastReported struct{}

func (p leastReported) Pick(_ time.Duration, servers []Server, _ *rand.Rand) int {
	best := 0
	for i := range servers {
		if p.Score(&servers[i]) < p.Score(&servers[best]) {
			best = i
		}
	}
	return best
}

// Score implements [Scored].
func (leastReported) Score(s *Server) float64 { return scoreWith(s, 0) }

// First implements [Scored].
func (leastReported) First() bool { return true }
