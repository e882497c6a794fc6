package systems

import (
	"fmt"
	"time"
)

// Bounds of what is measured at a time: below, no clock would see anything; above,
// nobody waits.
const (
	MinWindow = time.Millisecond
	MaxWindow = 1000 * time.Hour // of a warm-up, too
)

// CheckWindow refuses a warm-up or a window that nobody can have meant.
func CheckWindow(warmup, length time.Duration) error {
	switch {
	case length < MinWindow || length > MaxWindow:
		return fmt.Errorf("length %v: give %v to %v", length, MinWindow, MaxWindow)
	case warmup < 0 || warmup > MaxWindow:
		return fmt.Errorf("warmup %v: give 0s to %v", warmup, MaxWindow)
	}
	return nil
}
