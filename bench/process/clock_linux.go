package process

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// cpuClock is the clock of the CPU time of a process, all threads together, as
// clock_getcpuclockid(3) makes it: ~pid, and in the low bits 2 for the
// scheduler's own count, which has no ticks.
func cpuClock(pid int) (ns int64, err error) {
	var t unix.Timespec
	// Raw: it never blocks, and the scheduler need not be told.
	_, _, errno := unix.RawSyscall(unix.SYS_CLOCK_GETTIME, uintptr(uint32(int32(^pid)<<3|2)), uintptr(unsafe.Pointer(&t)), 0)
	if errno != 0 {
		return 0, errno
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
