package adversary

import "dyno/systems/byzantine/core/general"

// crash reaches half of the receivers of its first round (the first of all for
// the commander, the second for others) and nobody afterwards.
type crash struct{}

func (crash) Say(r *general.Relay) general.Word {
	first := 2
	if r.Me() == r.Commander {
		first = 1
	}
	w := truth(r)
	switch {
	case r.Round == first:
		w.Spoken = lowerHalf(r.To)
	case r.Round > first:
		w.Spoken = 0
	}
	return w
}
