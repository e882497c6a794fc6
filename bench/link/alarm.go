package link

import (
	"errors"
	"time"
)

// alarm goes off at one point in time, set again and again. Setting it
// replaces what was set before. It is set by one goroutine at a time, while
// another waits.
type alarm interface {
	set(time.Duration) // from now
	wait() error       // until it goes off; an error once it is closed
	close()
}

// timeAlarm is as exact as package time: to 1 ms in an idle process. It serves
// where there is no better one, and tests in virtual time.
type timeAlarm struct {
	timer  *time.Timer
	closed chan struct{}
}

func newTimeAlarm() *timeAlarm {
	a := &timeAlarm{timer: time.NewTimer(time.Hour), closed: make(chan struct{})}
	a.timer.Stop()
	return a
}

func (a *timeAlarm) set(d time.Duration) { a.timer.Reset(max(d, 0)) }

func (a *timeAlarm) wait() error {
	select {
	case <-a.timer.C:
		return nil
	case <-a.closed:
		return errors.New("the alarm is closed")
	}
}

func (a *timeAlarm) close() {
	a.timer.Stop()
	close(a.closed)
}
