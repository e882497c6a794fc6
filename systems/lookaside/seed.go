package lookaside

import (
	"crypto/rand"
	"strings"
)

// Every random choice of a process comes from its seed; what is chosen for
// different purposes comes from different streams of it.
const (
	streamBalancer uint64 = iota + 1
	streamService
	streamRequest
)

// mix derives a seed from others (splitmix64, one round per part).
func mix(parts ...uint64) uint64 {
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

// newInstance names one life of a process. It is no choice of an experiment:
// two lives must differ even when their seeds do not.
func newInstance() string { return strings.ToLower(rand.Text()[:10]) }
