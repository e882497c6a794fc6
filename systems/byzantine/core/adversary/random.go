package adversary

import "dyno/systems/byzantine/core/general"

// random is a coin for every path and receiver. It is a hash rather than a
// generator, so that what is said does not depend on the order of asking.
type random struct{ seed uint64 }

func newRandom(seed uint64) general.Traitor { return random{seed} }

func (c random) Say(r *general.Relay) general.Word {
	h := mix(c.seed ^ uint64(r.Round)<<56)
	for _, id := range r.Path {
		h = mix(h ^ uint64(id))
	}
	return general.Word{Attack: general.Set(h), Spoken: r.To}
}

// mix is the finisher of SplitMix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
