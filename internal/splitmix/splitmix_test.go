package splitmix_test

import (
	"testing"

	"dyno/internal/splitmix"
)

// Reference values of Vigna's splitmix64.c from state 0.
func TestReference(t *testing.T) {
	for i, want := range []uint64{0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f} {
		if got := splitmix.Mix(uint64(i) * splitmix.Step); got != want {
			t.Errorf("value %d is %#x, want %#x", i, got, want)
		}
	}
}
