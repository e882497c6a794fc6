package adversary

import "dyno/systems/byzantine/core/general"

// early lies, and sends along what would belong to the next round: the same
// message as if one more general had passed it on to this one.
type early struct{ flip }

// Tamper implements [general.Tamperer].
func (early) Tamper(_, n, me int, out []general.Parcel) []general.Parcel {
	all := make([]general.Parcel, 0, 2*len(out))
	for _, p := range out {
		ahead := p
		ahead.Path = p.Path[:len(p.Path)-1] + string([]byte{byte((me + 1) % n), byte(me)})
		all = append(all, ahead)
	}
	return append(all, out...)
}
