package load

import (
	"fmt"
	"math"
	"time"
)

// CheckWindow refuses a window of an open loop that is shorter than what lies
// between two operations: none need fall into it, and then nothing is measured.
// rate is in operations per second.
func CheckWindow(rate float64, length time.Duration) error {
	const rounding = 1e-9
	n := rate * length.Seconds()
	if n >= 1-rounding {
		return nil
	}
	return fmt.Errorf("a window of %v at %v req/s has %.2g requests, so that none need fall into it: raise the length to %v at least, or "+
		"the rate to %v req/s",
		length, rate, n, roundUp(1/rate), math.Ceil(1e3/length.Seconds())/1e3)
}

// roundUp is a time in whole milliseconds, at most the longest there is.
func roundUp(seconds float64) time.Duration {
	ms := math.Ceil(seconds*1e3 - 1e-6)
	if ms > math.MaxInt64/1e6 {
		return math.MaxInt64
	}
	return time.Duration(ms) * time.Millisecond
}
