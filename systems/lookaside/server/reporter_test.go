package server

import (
	"testing"
	"time"
)

// Servers that start at different moments report at the same ones.
func TestReportsAreAligned(t *testing.T) {
	const interval = 100 * time.Millisecond
	base := time.Unix(1_700_000_000, 0)
	for _, offset := range []time.Duration{0, time.Nanosecond, 30 * time.Millisecond, 99_999_999, 100 * time.Millisecond, 250 * time.Millisecond} {
		now := base.Add(offset)
		wait := untilReport(now, interval)
		if wait <= 0 || wait > interval {
			t.Errorf("at +%v the next report is due in %v", offset, wait)
		}
		if at := now.Add(wait); at.Sub(base)%interval != 0 {
			t.Errorf("at +%v the next report is due at +%v, not a multiple of %v", offset, at.Sub(base), interval)
		}
	}
}
