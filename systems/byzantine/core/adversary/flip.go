package adversary

import "dyno/systems/byzantine/core/general"

type flip struct{}

func (flip) Say(r *general.Relay) general.Word { return lie(r) }
