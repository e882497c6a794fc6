package council

import (
	"slices"

	"dyno/systems/byzantine/core/general"
)

// Verdict is what a run is held against.
type Verdict struct {
	Agreement bool          // IC1: all loyal generals decide the same
	Validity  bool          // IC2: and, of a loyal commander, what he ordered
	Decision  general.Value // what they agreed on; means nothing without agreement
}

// Guaranteed reports whether the plan's algorithm promises both for so many
// traitors.
func (p Plan) Guaranteed() bool {
	return !p.Flat && p.Traitors.Len() <= p.T && p.Algorithm.Guarantees(p.N, p.T)
}

// Judge looks at the decisions of the loyal generals. Those who did not tell
// theirs (a process that was killed) are to be counted among the traitors.
func (p Plan) Judge(decisions []general.Decision) Verdict {
	v := Verdict{Agreement: true, Validity: true}
	first := -1
	for id := range p.Loyal().All() {
		d := decisions[id]
		if first < 0 {
			first, v.Decision = id, d.Value
		}
		if d.Value != v.Decision || !slices.Equal(d.Vector, decisions[first].Vector) {
			v.Agreement = false
		}
		v.Validity = v.Validity && p.valid(d)
	}
	return v
}

// valid holds a decision against the orders of loyal commanders.
func (p Plan) valid(d general.Decision) bool {
	if !p.Interactive {
		return p.Traitors.Has(p.Commander) || d.Value == p.Order
	}
	if len(d.Vector) != p.N {
		return false
	}
	for id := range p.Loyal().All() {
		if d.Vector[id] != p.Initial[id] {
			return false
		}
	}
	return true
}
