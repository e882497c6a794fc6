package link

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// kernelAlarm is a timer of the kernel, read through Go's poller: the process
// wakes when it expires, without the rounding that Go's own timers suffer and
// without a thread that sleeps.
type kernelAlarm struct {
	file *os.File
	fd   int // of file; File.Fd would make it blocking
}

func newAlarm() (alarm, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("timerfd: %w", err)
	}
	return &kernelAlarm{file: os.NewFile(uintptr(fd), "timerfd"), fd: fd}, nil
}

func (a *kernelAlarm) set(d time.Duration) {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(max(d, 1)))} // 0 would disarm it
	if err := unix.TimerfdSettime(a.fd, 0, &spec, nil); err != nil {
		panic(err) // a wrong descriptor or time: a bug here
	}
}

func (a *kernelAlarm) wait() error {
	var expirations [8]byte
	_, err := a.file.Read(expirations[:])
	return err
}

func (a *kernelAlarm) close() { _ = a.file.Close() }
