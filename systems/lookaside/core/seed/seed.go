// Package seed derives the seeds of what is drawn at random. Every random choice
// of a process comes from its own; what is chosen for different purposes comes
// from different streams of it.
package seed

// The streams.
const (
	Balancer uint64 = iota + 1
	Service
	Request
)

// Mix derives a seed from others (splitmix64, one round per part).
func Mix(parts ...uint64) uint64 {
	var x uint64
	for _, p := range parts {
		x = splitmix64(x ^ p)
	}
	return x
}

// splitmix64 is Steele, Lea and Flood's generator: one step from state x.
func splitmix64(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
