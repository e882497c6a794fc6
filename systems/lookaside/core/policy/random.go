package policy

import (
	"math/rand/v2"
	"time"
)

// Random picks any server, each with the same probability. It knows nothing
// and remembers nothing, so any number of balancers may use it side by side.
// With Poisson arrivals each server is an M/M/1 queue of its own: the mean
// response time at utilisation ρ is S/(1-ρ), and 99 of 100 requests take less
// than 4.605 times that. It is the floor that every policy with news of the
// load must beat.
var Random = Maker{
	Name:    "random",
	Summary: "any server, each with the same probability",
	Shares:  Chance,
	New:     func() Policy { return random{} },
}

type random struct{}

func (random) Pick(_ time.Duration, servers []Server, rng *rand.Rand) int {
	return rng.IntN(len(servers))
}

// pair draws two servers, each pair with the same probability; if there is
// only one, it is both.
func pair(n int, rng *rand.Rand) (i, j int) {
	if n == 1 {
		return 0, 0
	}
	i, j = rng.IntN(n), rng.IntN(n-1)
	if j >= i {
		j++
	}
	return i, j
}
