package policy

import (
	"math"
	"slices"
)

// Loads writes into loads, as long as servers, the load per capacity that each
// would have with the request to come. It is what policies that follow the load
// score by, computed here again: an error in a policy's score must not excuse
// itself when its picks are audited.
func Loads(servers []Server, loads []float64) {
	for i := range servers {
		s := &servers[i]
		requests := s.InFlight + float64(s.Assigned) + s.ErrorRate*errorWeight + 1
		loads[i] = requests / s.Capacity
		if s.Silent {
			loads[i] = math.Inf(1)
		}
	}
}

// Chances writes into p the chance of each server, by their loads, to be the
// next pick under a promise, and reports whether the promise says that much.
// It is the promise put another way than the policies keep it: under [Loaded]
// all servers of the lowest load have the same chance and the others none;
// under [Pairs] each of the n(n−1)/2 pairs has the same chance and its better
// server is picked, of two alike either; under [Chance] all have the same.
func Chances(promise Shares, loads, p []float64) bool {
	n := float64(len(loads))
	switch promise {
	case Loaded:
		least := slices.Min(loads)
		tied := 0.0
		for _, l := range loads {
			if l == least {
				tied++
			}
		}
		for i, l := range loads {
			p[i] = 0
			if l == least {
				p[i] = 1 / tied
			}
		}
	case Pairs:
		for i := range loads {
			p[i] = 1
			if n > 1 {
				p[i] = beaten(loads, i) / (n * (n - 1) / 2)
			}
		}
	case Chance:
		for i := range p {
			p[i] = 1 / n
		}
	default:
		return false
	}
	return true
}

// Rank is the place of server i among at least two by their loads: 0 for the
// one below all others, 1 for the one above them; servers alike share the mean
// of their places.
func Rank(loads []float64, i int) float64 { return 1 - beaten(loads, i)/float64(len(loads)-1) }

// beaten counts the servers whose load is above that of server i; one that is
// as loaded counts half.
func beaten(loads []float64, i int) (sum float64) {
	for j, l := range loads {
		switch {
		case j == i:
		case l > loads[i]:
			sum++
		case l == loads[i]:
			sum += 0.5
		}
	}
	return sum
}
