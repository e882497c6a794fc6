package adversary

import "dyno/systems/byzantine/general"

type half struct{}

func (half) Say(r *general.Relay) general.Word {
	w := lie(r)
	w.Attack ^= lowerHalf(r.To)
	return w
}
