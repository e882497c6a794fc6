package load

import (
	"errors"
	"sync"
	"time"
)

// Alarm waits for points in time on behalf of one goroutine.
type Alarm interface {
	// Wait returns after d, or with an error when the alarm is closed before.
	// It returns at once when d is not above 0.
	Wait(d time.Duration) error
	// Close ends a Wait under way and all later ones. It may be called from
	// any goroutine, and again.
	Close()
}

var errClosed = errors.New("the alarm is closed")

// NewCoarseAlarm returns an alarm by package time. An idle Go process rounds
// its timers up to the next millisecond, so it is late by half of one in the
// mean. It is also the one that works in virtual time: make it in the bubble
// of testing/synctest that it is used in.
func NewCoarseAlarm() Alarm { return &coarse{closed: make(chan struct{})} }

type coarse struct {
	once   sync.Once
	closed chan struct{}
}

func (a *coarse) Wait(d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-a.closed:
		return errClosed
	}
}

func (a *coarse) Close() { a.once.Do(func() { close(a.closed) }) }
