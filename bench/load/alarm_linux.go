package load

import (
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// exact reads the kernel's timer through Go's poller, so that the one thread
// of a process is not held meanwhile: with nanosleep, answers that come in
// while the pacer sleeps would lie in the socket for up to 10 ms when
// GOMAXPROCS is 1. Measured on an idle machine, median lateness: time.Sleep
// 560 µs, nanosleep 90 µs, this 40 µs.
type exact struct {
	file *os.File
	conn syscall.RawConn // keeps the descriptor from being closed, and given to another, while it is used
	base time.Time
	due  atomic.Int64 // since base
	rung func(fd uintptr) bool
	spec unix.ItimerSpec // of rung
	err  error           // of rung

	anew  unix.ItimerSpec
	reset func(fd uintptr) // by anew
}

// NewAlarm returns the most exact alarm that there is.
func NewAlarm() (Alarm, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("timerfd: %w", err)
	}
	a := &exact{file: os.NewFile(uintptr(fd), "timerfd"), base: time.Now()}
	if a.conn, err = a.file.SyscallConn(); err != nil {
		return nil, fmt.Errorf("timerfd: %w", err)
	}
	a.rung = a.ring
	a.reset = func(fd uintptr) { _ = unix.TimerfdSettime(int(fd), 0, &a.anew, nil) } // else it rings early, and is set again
	return a, nil
}

func (a *exact) Wait(d time.Duration) error {
	if d <= 0 {
		return nil
	}
	a.due.Store(int64(time.Since(a.base) + d))
	if err := a.conn.Read(a.rung); err != nil {
		return errClosed
	}
	return a.err
}

// ring says whether it is time, and sets the timer if it is not. Nobody reads the
// timer: the poller tells of every expiry, and setting it forgets the last one. A
// wait is one system call beside the poller's, where reading would make three.
func (a *exact) ring(fd uintptr) bool {
	left := a.due.Load() - int64(time.Since(a.base))
	if left <= 0 {
		return true
	}
	a.spec.Value = unix.NsecToTimespec(left)
	if err := unix.TimerfdSettime(int(fd), 0, &a.spec, nil); err != nil {
		a.err = fmt.Errorf("timerfd: %w", err)
		return true
	}
	return false
}

// Reset lets the Wait under way end d from now. One that meets the beginning of a
// Wait may be without effect.
func (a *exact) Reset(d time.Duration) {
	a.due.Store(int64(time.Since(a.base) + d))
	a.anew.Value = unix.NsecToTimespec(int64(d))
	_ = a.conn.Control(a.reset)
}

func (a *exact) Close() { _ = a.file.Close() }
