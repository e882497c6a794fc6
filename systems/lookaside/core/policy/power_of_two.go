package policy

import (
	"math/rand/v2"
	"time"
)

// PowerOfTwo draws two servers at random and picks the one with the lower
// score of [LeastLoad] (M. Mitzenmacher, The power of two choices in randomized
// load balancing, IEEE TPDS 12(10), 2001). One look more than [Random] shortens
// the longest queue exponentially: with many servers, fresh reports and
// Poisson arrivals the mean response time at utilisation ρ is
//
//	S · Σ ρ^(2^i − 2), i = 1, 2, …
//
// Since only two are compared, a server that looks better than it is draws two
// picks in n and not all of them: reports that are out of date do less harm
// than under a policy that looks for the best of all.
var PowerOfTwo = Maker{
	Name:    "power_of_two",
	Summary: "of two servers drawn at random, the one with the lower load per capacity",
	Shares:  Pairs,
	New:     func() Policy { return powerOfTwo{} },
}

type powerOfTwo struct{}

func (powerOfTwo) Pick(_ time.Duration, servers []Server, rng *rand.Rand) int {
	i, j := pair(len(servers), rng)
	if score(&servers[j]) < score(&servers[i]) {
		return j
	}
	return i // of a tie too: it was the first as often as the second
}
