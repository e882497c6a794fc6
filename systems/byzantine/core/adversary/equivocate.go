package adversary

import "dyno/systems/byzantine/core/general"

// odd are the generals whose number is odd.
const odd general.Set = 0xaaaaaaaaaaaaaaaa

type equivocate struct{}

func (equivocate) Say(r *general.Relay) general.Word {
	return general.Word{Attack: odd, Spoken: r.To}
}
