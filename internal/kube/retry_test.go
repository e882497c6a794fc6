package kube

import (
	"testing"
	"time"
)

// Calls that a proxy cuts after a while are made again as often as it takes, others not.
func TestInARow(t *testing.T) {
	cut, failed := 0, 0
	for range 2 * tries {
		cut, failed = inARow(cut, time.Minute), inARow(failed, time.Second)
	}
	if cut >= tries || failed != 2*tries || inARow(inARow(tries-1, time.Minute), 0) != 1 {
		t.Errorf("after %d calls %d were cut, %d failed in a row", 2*tries, cut, failed)
	}
}
