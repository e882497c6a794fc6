//go:build !linux

package lookaside

import (
	"errors"
	"time"
)

// alarm waits for points in time. Elsewhere than on Linux it is no more exact
// than package time, which the oversleep_share of a trial then shows.
type alarm struct{ closed chan struct{} }

func newAlarm() (*alarm, error) { return &alarm{closed: make(chan struct{})}, nil }

// wait returns after d, or at once with an error when the alarm is closed.
func (a *alarm) wait(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-a.closed:
		return errors.New("the alarm is closed")
	}
}

func (a *alarm) close() { close(a.closed) }
