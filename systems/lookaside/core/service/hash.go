package service

import (
	"crypto/sha256"
	"encoding/binary"
)

// MaxRounds is the most that one request may ask for.
const MaxRounds = 1_000_000

// Hash is the computation that a request carries: SHA-256 over the eight bytes
// of the seed (big-endian), then over each digest again, rounds times in all.
// It returns the last digest's first eight bytes; with no round at all, the
// seed. It cannot be guessed or shortened, and costs some 100 ns a round.
func Hash(seed uint64, rounds uint32) uint64 {
	if rounds == 0 {
		return seed
	}
	var first [8]byte
	binary.BigEndian.PutUint64(first[:], seed)
	digest := sha256.Sum256(first[:])
	for range rounds - 1 {
		digest = sha256.Sum256(digest[:])
	}
	return binary.BigEndian.Uint64(digest[:])
}
