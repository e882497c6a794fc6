package adversary

import "dyno/systems/byzantine/core/general"

type late struct{}

func (late) Say(r *general.Relay) general.Word {
	if r.Round < r.Rounds {
		return truth(r)
	}
	return lie(r)
}
