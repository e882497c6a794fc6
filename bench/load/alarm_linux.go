package load

import (
	"fmt"
	"os"
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
	due  time.Time
	spec unix.ItimerSpec
	rung func(fd uintptr) bool
	err  error // of rung
}

// NewAlarm returns the most exact alarm that there is.
func NewAlarm() (Alarm, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("timerfd: %w", err)
	}
	a := &exact{file: os.NewFile(uintptr(fd), "timerfd")}
	if a.conn, err = a.file.SyscallConn(); err != nil {
		return nil, fmt.Errorf("timerfd: %w", err)
	}
	a.rung = a.ring
	return a, nil
}

func (a *exact) Wait(d time.Duration) error {
	if d <= 0 {
		return nil
	}
	a.due = time.Now().Add(d)
	if err := a.conn.Read(a.rung); err != nil {
		return errClosed
	}
	return a.err
}

// ring says whether it is time, and sets the timer if it is not. Nobody reads the
// timer: the poller tells of every expiry, and setting it forgets the last one. A
// wait is one system call beside the poller's, where reading would make three.
func (a *exact) ring(fd uintptr) bool {
	left := time.Until(a.due)
	if left <= 0 {
		return true
	}
	a.spec.Value = unix.NsecToTimespec(int64(left))
	if err := unix.TimerfdSettime(int(fd), 0, &a.spec, nil); err != nil {
		a.err = fmt.Errorf("timerfd: %w", err)
		return true
	}
	return false
}

func (a *exact) Close() { _ = a.file.Close() }
