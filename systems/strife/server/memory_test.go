package server

import "testing"

// A small heap grows by the headroom, a large one by as much as it has.
func TestGrowth(t *testing.T) {
	for megabytes, want := range map[uint64]int{0: 3200, 1: 3200, 4: 800, 16: 200, 32: 100, 33: 100, 1000: 100} {
		if got := growth(megabytes << 20); got != want {
			t.Errorf("%d MiB may grow by %d %%, want %d", megabytes, got, want)
		}
	}
}
