package adversary

import (
	"dyno/internal/splitmix"
	"dyno/systems/byzantine/core/general"
)

// random is a coin for every path and receiver. It is a hash rather than a
// generator, so that what is said does not depend on the order of asking.
type random struct{ seed uint64 }

func newRandom(seed uint64) general.Traitor { return random{seed} }

func (c random) Say(r *general.Relay) general.Word {
	h := splitmix.Mix(c.seed ^ uint64(r.Round)<<56)
	for _, id := range r.Path {
		h = splitmix.Mix(h ^ uint64(id))
	}
	return general.Word{Attack: general.Set(h), Spoken: r.To}
}
