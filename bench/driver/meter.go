package driver

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Meter reads the CPU time that this very process uses in a window. The kernel
// counts it finer than in the ticks of 10 ms that others can see, and reading
// it twice costs nothing beside what is measured.
type Meter struct {
	mu         sync.Mutex
	begin, end time.Duration // of CPU time
	at         [2]time.Time  // when these were read
	ended      bool
	timers     [2]*time.Timer
	resume     func() // collecting garbage as usual
}

// StartMeter reads the meter after warmup, and again length later. From now on
// until it is stopped the process collects garbage seldom, and once at the end of
// warmup, unless GOGC says when.
func StartMeter(warmup, length time.Duration) *Meter {
	resume := holdOff(warmup)
	m := &Meter{begin: CPUTime(), at: [2]time.Time{time.Now()}, resume: resume}
	m.timers[0] = time.AfterFunc(warmup, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.begin, m.at[0] = CPUTime(), time.Now()
	})
	m.timers[1] = time.AfterFunc(warmup+length, m.read)
	return m
}

func (m *Meter) read() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.ended {
		m.end, m.at[1], m.ended = CPUTime(), time.Now(), true
	}
}

// Stop returns what was used in the window, up to now if it is not over.
func (m *Meter) Stop() time.Duration {
	for _, t := range m.timers {
		t.Stop()
	}
	m.read()
	m.resume()
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.end - m.begin
}

// Slack is how far from the ends of a window the readings were, once stopped: a
// busy machine is late for them.
func (m *Meter) Slack(begin, end time.Time) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return max(m.at[0].Sub(begin).Abs(), m.at[1].Sub(end).Abs())
}

// CPUTime is what this process has used until now.
func CPUTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0 // cannot happen: the arguments are constant
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
