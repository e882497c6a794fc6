package adversary

import "dyno/systems/byzantine/core/general"

// forge lies in its own name, and sends two forgeries with every message: one
// that claims to come from another general, one whose path runs in a circle.
type forge struct{ flip }

// Tamper implements [general.Tamperer].
func (forge) Tamper(_, n, me int, out []general.Parcel) []general.Parcel {
	forged := make([]general.Parcel, 0, 3*len(out))
	for _, p := range out {
		inName := p
		inName.Path = p.Path[:len(p.Path)-1] + string([]byte{byte((me + 1) % n)})
		inCircle := p
		inCircle.Path = p.Path[len(p.Path)-1:] + p.Path[1:]
		if len(p.Path) == 1 {
			inCircle.Path = p.Path + p.Path
		}
		forged = append(forged, inName, inCircle)
	}
	return append(forged, out...) // what is believed would be believed first
}
