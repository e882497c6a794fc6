package adversary

import "dyno/systems/byzantine/core/general"

type half struct{}

func (half) Say(r *general.Relay) general.Word {
	w := lie(r)
	w.Attack ^= lowerHalf(r.To)
	return w
}
