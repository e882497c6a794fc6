package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// What a started process finds in its environment: numbers of file
// descriptors.
const (
	lifelineVar = "DYNO_LIFELINE"
	announceVar = "DYNO_ANNOUNCE"
	testifyVar  = "DYNO_TESTIFY"
)

// adopted are the descriptors that a [Group] gave this process, by those names.
var adopted = make(map[string]uintptr)

// announcement is the pipe to the parent, if there is one and nothing has been
// announced yet.
var announcement struct {
	sync.Mutex
	pipe *os.File
}

// Adopt binds the process to the [Group] that started it: when that is gone,
// the process exits with status 1. main calls it first. In a process that no
// group started it does nothing.
func Adopt() {
	bearFullDisk()
	if fd, ok := inherited(lifelineVar); ok {
		lifeline, stdin := os.NewFile(fd, "lifeline"), os.Stdin
		if null, err := os.Open(os.DevNull); err == nil {
			os.Stdin = null // a role that reads its input finds the end, not the lifeline
		}
		go func() {
			_, _ = io.Copy(io.Discard, lifeline)
			runtime.KeepAlive(stdin) // of which nobody else may know: collected, it would close the lifeline
			os.Exit(1)
		}()
	}
	if fd, ok := inherited(announceVar); ok {
		announcement.Lock()
		announcement.pipe = os.NewFile(fd, "announcement")
		announcement.Unlock()
	}
	if fd, ok := inherited(testifyVar); ok {
		testimony.Lock()
		testimony.pipe = os.NewFile(fd, "testimony")
		testimony.Unlock()
	}
}

// inherited takes a file descriptor out of the environment, so that processes
// this one starts do not take it for theirs.
func inherited(name string) (uintptr, bool) {
	fd, err := strconv.Atoi(os.Getenv(name))
	if err != nil || fd < 0 {
		return 0, false
	}
	_ = os.Unsetenv(name)
	syscall.CloseOnExec(fd)
	_ = syscall.SetNonblock(fd, true) // read by the poller: costs no thread
	adopted[name] = uintptr(fd)
	return uintptr(fd), true
}

// Become lets another program go on in place of this one, bound as this one is to
// the group that started it.
func Become(path string, args []string) error {
	env := os.Environ()
	for name, fd := range adopted {
		_, err := unix.FcntlInt(fd, unix.F_SETFD, 0)
		if err = errors.Join(err, syscall.SetNonblock(int(fd), false)); err != nil { // else it would be read by the poller twice
			return fmt.Errorf("%s: %w", name, err)
		}
		env = append(env, fmt.Sprintf("%s=%d", name, fd))
	}
	return syscall.Exec(path, append([]string{path}, args...), env)
}

// Announce tells the group that started this process where it listens. A role
// that serves calls it once, through [dyno/systems.Shell], when it can answer;
// later calls, and those in a process that no group started, do nothing.
func Announce(addr string) {
	announcement.Lock()
	defer announcement.Unlock()
	if announcement.pipe == nil {
		return
	}
	// An error means that the parent is gone or no longer wants to know: the
	// lifeline takes care of the first, the second does no harm.
	_, _ = io.WriteString(announcement.pipe, addr+"\n")
	_ = announcement.pipe.Close()
	announcement.pipe = nil
}
