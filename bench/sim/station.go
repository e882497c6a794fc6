package sim

import "time"

// Station is one server that works first come, first served: the G/G/1 queue
// in Lindley's form. It has no events of its own: a node admits a customer when
// it comes and sets a timer for the time that Admit returns.
type Station struct {
	free time.Duration // when all work admitted so far is done
	busy time.Duration // work admitted so far
}

// Admit takes a customer that comes now, not before earlier ones, and needs
// service. It returns when service begins and ends.
func (s *Station) Admit(now, service time.Duration) (begin, end time.Duration) {
	begin = max(now, s.free)
	s.free = begin + service
	s.busy += service
	return begin, s.free
}

// Backlog returns the work that is left at a moment.
func (s *Station) Backlog(now time.Duration) time.Duration { return max(s.free-now, 0) }

// Busy returns how long the server has worked by a moment that is not before
// the last Admit.
func (s *Station) Busy(now time.Duration) time.Duration { return s.busy - s.Backlog(now) }
