package seed

import "testing"

func TestMixSeparates(t *testing.T) {
	seen := make(map[uint64]bool)
	for client := range uint64(100) {
		for n := range uint64(100) {
			seen[Mix(1, Request, client, n)] = true
		}
	}
	if len(seen) != 100*100 {
		t.Errorf("%d seeds of %d differ", len(seen), 100*100)
	}
	// Reference values of splitmix64 with state 0 (Vigna's splitmix64.c).
	if got := splitmix64(0); got != 0xe220a8397b1dcdaf {
		t.Errorf("splitmix64(0) = %#x", got)
	}
}
