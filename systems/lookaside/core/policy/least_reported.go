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
		if p.score(&servers[i]) < p.score(&servers[best]) {
			best = i
		}
	}
	return best
}

func (leastReported) score(s *Server) float64 {
	seen := *s
	seen.Assigned = 0
	return score(&seen)
}
