// Package splitmix scatters numbers: the finaliser of SplitMix64 (Steele, Lea,
// Flood 2014). It makes seeds of seeds, and chance that does not depend on the
// order of asking.
package splitmix

// Step is what the generator adds to its state: Mix(0), Mix(Step), Mix(2*Step) …
// is its sequence from state 0.
const Step uint64 = 0x9e3779b97f4a7c15

// Mix is one step from a state: inputs that differ in one bit give outputs that
// differ in half of them.
func Mix(x uint64) uint64 {
	x += Step
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
