// Package live makes the service-time model of package queue real: what
// enters leaves when the model says so, as exactly as the machine can, and what
// it does meanwhile costs no processor time.
package live

import (
	"sync"
	"time"

	"dyno/bench/load"
)

// Station lets what enters leave at its time. Whoever enters later never leaves
// earlier, as in a first-come-first-served queue, so one alarm serves all of them.
type Station struct {
	epoch  time.Time
	alarm  load.Alarm
	jobs   chan job
	closed chan struct{}
	once   sync.Once
}

type job struct {
	at    time.Duration // since epoch
	leave func()
}

// New makes a station for up to room jobs at a time, which waits by the alarm and
// closes it in the end.
func New(room int, alarm load.Alarm) *Station {
	return &Station{epoch: time.Now(), alarm: alarm, jobs: make(chan job, room), closed: make(chan struct{})}
}

// Now is the time since the station was made.
func (s *Station) Now() time.Duration { return time.Since(s.epoch) }

// Room is how many jobs it takes at a time, besides the one that leaves next.
func (s *Station) Room() int { return cap(s.jobs) }

// Waiting is how many jobs are in it, besides the one that leaves next.
func (s *Station) Waiting() int { return len(s.jobs) }

// Full says that nothing may enter now.
func (s *Station) Full() bool { return s.Waiting() == s.Room() }

// Enter has leave called once it is at by [Station.Now]. Callers enter one at a time, with
// times that never fall, when the station is not [Station.Full].
func (s *Station) Enter(at time.Duration, leave func()) {
	s.jobs <- job{at, leave} // never blocks: callers enter one at a time, and there is room
}

// Run lets jobs leave until the station is closed.
func (s *Station) Run() {
	for {
		select {
		case <-s.closed:
			return
		case j := <-s.jobs:
			if s.alarm.Wait(j.at-s.Now()) != nil {
				return // closed meanwhile
			}
			j.leave()
		}
	}
}

// Close ends Run; what is still in the station stays there. It may be called again.
func (s *Station) Close() {
	s.once.Do(func() { close(s.closed) })
	s.alarm.Close()
}
