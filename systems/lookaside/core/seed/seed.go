// Package seed derives the seeds of what is drawn at random. Every random choice
// of a process comes from its own; what is chosen for different purposes comes
// from different streams of it.
package seed

import "dyno/internal/splitmix"

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
		x = splitmix.Mix(x ^ p)
	}
	return x
}
