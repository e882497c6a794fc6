package process

import (
	"time"

	"golang.org/x/sys/unix"
)

// cpuClock is the clock of the CPU time of a process, all threads together, as
// clock_getcpuclockid(3) makes it: ~pid, and in the low bits 2 for the
// scheduler's own count, which has no ticks.
func cpuClock(pid int) (ns int64, err error) {
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid)<<3|2, &t); err != nil {
		return 0, err
	}
	return t.Nano(), nil
}

// tick is how often the kernel brings its count of a running thread up to date:
// the step of the clock that moves with the timer interrupt.
func tick() time.Duration {
	var t unix.Timespec
	if unix.ClockGetres(unix.CLOCK_MONOTONIC_COARSE, &t) != nil {
		return slowestTick
	}
	return time.Duration(t.Nano())
}
