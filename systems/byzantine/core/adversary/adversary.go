package adversary

import "dyno/systems/byzantine/core/general"

// Adversary is a way in which all traitors of a run behave.
type Adversary struct {
	Name    string
	Summary string // what a traitor does, for a list

	// Silent says that traitors keep something to themselves, so that fewer
	// messages are carried than the formula says.
	Silent bool

	// New makes the traitors' common plan. Only random ones care for the seed.
	New func(seed uint64) general.Traitor
}

// All are the adversaries, from plain to cunning.
var All = []Adversary{
	{Name: "flip", Summary: "says the opposite of what it heard, to everybody", New: plan(flip{})},
	{Name: "silent", Summary: "says nothing at all", Silent: true, New: plan(silent{})},
	{Name: "equivocate", Summary: "says attack to generals of odd number, retreat to the others", New: plan(equivocate{})},
	{Name: "half", Summary: "says the truth to one half, the opposite to the other", New: plan(half{})},
	{Name: "random", Summary: "says to each what a coin says", New: newRandom},
	{Name: "collude", Summary: "all traitors push the same loyal half towards attack, the other towards retreat, and are honest among " +
		"themselves", New: plan(collude{})},
	{Name: "late", Summary: "is honest until the last round, then says the opposite", New: plan(late{})},
	{Name: "crash", Summary: "is honest until it crashes in the middle of its first broadcast", Silent: true, New: plan(crash{})},
	{Name: "forge", Summary: "says the opposite, and puts words into others' mouths with forged paths", New: plan(forge{})},
	{Name: "duplicate", Summary: "says the truth once, then the opposite three times", New: plan(duplicate{})},
	{Name: "early", Summary: "sends messages of a later round along", New: plan(early{})},
}

func plan(t general.Traitor) func(uint64) general.Traitor {
	return func(uint64) general.Traitor { return t }
}

// LookUp finds an adversary by name.
func LookUp(name string) (Adversary, bool) {
	for _, a := range All {
		if a.Name == name {
			return a, true
		}
	}
	return Adversary{}, false
}

// Names lists the adversaries.
func Names() []string {
	out := make([]string, len(All))
	for i, a := range All {
		out[i] = a.Name
	}
	return out
}

// lowerHalf is the half of a set with the lower ids, rounded down.
func lowerHalf(s general.Set) general.Set {
	var half general.Set
	want := s.Len() / 2
	for id := range s.All() {
		if half.Len() == want {
			break
		}
		half |= general.Only(id)
	}
	return half
}

// truth is what a loyal general would say.
func truth(r *general.Relay) general.Word {
	return general.Word{Attack: r.Honest.Spread(), Spoken: r.To}
}

// lie is the opposite of the truth.
func lie(r *general.Relay) general.Word {
	return general.Word{Attack: r.Honest.Not().Spread(), Spoken: r.To}
}
