package adversary

import "dyno/systems/byzantine/core/general"

// duplicate tries to be counted more than once: it says the truth, and then the
// opposite three times over, which a careless receiver would believe, being the
// last word, or count as so many votes.
type duplicate struct{}

func (duplicate) Say(r *general.Relay) general.Word { return truth(r) }

// Tamper implements [general.Tamperer].
func (duplicate) Tamper(_, _, _ int, out []general.Parcel) []general.Parcel {
	again := make([]general.Parcel, 0, 4*len(out))
	again = append(again, out...)
	for _, p := range out {
		p.Value = p.Value.Not()
		again = append(again, p, p, p)
	}
	return again
}
