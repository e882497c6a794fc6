package policy

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// The mutants: policies that do not keep what they promise, for the checks of a
// trial to find.
const (
	MutantNone      = "none"
	MutantCoin      = "coin"      // every pick is a throw of dice, whatever the policy
	MutantFavourite = "favourite" // one pick in favouriteEvery goes to the first server
)

// Mutants lists them.
var Mutants = []string{MutantNone, MutantCoin, MutantFavourite}

const favouriteEvery = 10

// Mutate spoils a policy. It panics on a name that is none of [Mutants].
func Mutate(p Policy, mutant string) Policy {
	switch mutant {
	case MutantNone:
		return p
	case MutantCoin:
		return coin{}
	case MutantFavourite:
		return &favourite{Policy: p}
	}
	panic(fmt.Sprintf("policy: no mutant %q", mutant))
}

type coin struct{}

func (coin) Pick(_ time.Duration, servers []Server, rng *rand.Rand) int {
	return rng.IntN(len(servers))
}

// favourite hides whatever else its policy can do but to pick.
type favourite struct {
	Policy
	picks int
}

func (f *favourite) Pick(now time.Duration, servers []Server, rng *rand.Rand) int {
	i := f.Policy.Pick(now, servers, rng)
	if f.picks++; f.picks%favouriteEvery == 0 {
		return 0
	}
	return i
}
