package adversary

import "dyno/systems/byzantine/core/general"

type silent struct{}

func (silent) Say(*general.Relay) general.Word { return general.Word{} }
