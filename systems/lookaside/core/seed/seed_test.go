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
	// One part is one step of splitmix64: the value of Vigna's splitmix64.c from state 0.
	if got := Mix(0); got != 0xe220a8397b1dcdaf {
		t.Errorf("Mix(0) = %#x", got)
	}
}
