package adversary

import "dyno/systems/byzantine/general"

type flip struct{}

func (flip) Say(r *general.Relay) general.Word { return lie(r) }
