package adversary

import "dyno/systems/byzantine/core/general"

// collude splits the loyal generals in two halves of the same size, whatever
// their numbers, and keeps the traitors well informed.
type collude struct{}

func (collude) Say(r *general.Relay) general.Word {
	loyal := general.First(r.N) &^ r.Traitors &^ general.Only(r.Commander)
	return general.Word{
		Attack: lowerHalf(loyal) | r.Traitors&r.Honest.Spread(),
		Spoken: r.To,
	}
}
