package policy

import (
	"math"
	"math/rand/v2"
	"time"
)

// errorWeight is the time, in seconds, for which an error counts as if the
// request were still in flight. A server that fails at once always looks idle,
// and by its in-flight count alone would draw nearly all the traffic; with the
// weight, one that fails e times a second looks as busy as a healthy one with
// e requests. So it is sent about as many requests a second as the others
// have in flight: enough to notice that it has recovered, too few to hurt.
const errorWeight = 1.0

// LeastLoad picks the server with the lowest score
//
//	(in flight at the last report + picked since + errors per second × 1 s + 1) / capacity
//
// The 1 stands for the request to be placed, so that among idle servers the
// fastest one comes first. Counting the own picks since the report keeps all
// clients from running to the one server whose report looked best (the herd).
// Ties are broken at random, each tied server being equally likely. A server
// that has fallen silent while others report comes last of all: if it is hung,
// every request that it is given waits until its lease ends.
var LeastLoad = Maker{
	Name:    "least_load",
	Summary: "the lowest load per capacity, as reported plus what was assigned since",
	Shares:  Loaded,
	New:     func() Policy { return leastLoad{} },
}

type leastLoad struct{}

func (leastLoad) Pick(_ time.Duration, servers []Server, rng *rand.Rand) int {
	best, lowest, tied := 0, score(&servers[0]), 1
	for i := 1; i < len(servers); i++ {
		switch s := score(&servers[i]); {
		case s < lowest:
			best, lowest, tied = i, s, 1
		case s == lowest:
			// Reservoir sampling: the k-th of the tied replaces the choice with
			// probability 1/k, so one pass without memory is fair to all.
			if tied++; rng.IntN(tied) == 0 {
				best = i
			}
		}
	}
	return best
}

// Score implements [Scored].
func (leastLoad) Score(s *Server) float64 { return score(s) }

// First implements [Scored].
func (leastLoad) First() bool { return false }

func score(s *Server) float64 { return scoreWith(s, s.Assigned) }

// scoreWith is the score of a server that was picked so often since its report.
func scoreWith(s *Server, assigned int) float64 {
	if s.Silent {
		return math.Inf(1)
	}
	return (s.InFlight + float64(assigned) + s.ErrorRate*errorWeight + 1) / s.Capacity
}
