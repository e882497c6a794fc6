package process

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

type signalNumber = syscall.Signal

const (
	stopSignal = syscall.SIGSTOP
	killSignal = syscall.SIGKILL
)

func sendSignal(pid int, s signalNumber) { _ = syscall.Kill(pid, s) } // it may be gone

// aloof is for a process that outlives dyno.
func aloof() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// marked are the processes of this machine that bear a mark.
func marked(mark string) (pids []int) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	want := []byte(cageVar + "=" + mark)
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		// It may be gone, or another user's.
		env, err := os.ReadFile(filepath.Join("/proc", e.Name(), "environ"))
		if err == nil && (bytes.HasPrefix(env, want) || bytes.Contains(env, append([]byte{0}, want...))) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// allTasks is how many processes and threads there are; 0: the system does not
// tell.
func allTasks() int {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	f := strings.Fields(string(text))
	if len(f) < 4 {
		return 0
	}
	_, all, _ := strings.Cut(f[3], "/")
	n, _ := strconv.Atoi(all)
	return n
}

// resident is the memory of a process, in bytes; 0: it is gone.
func resident(pid int) int64 {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "statm"))
	f := strings.Fields(string(text))
	if err != nil || len(f) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(f[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

// tasksPrefix begins the names of the control groups that count tasks.
const tasksPrefix = "dyno-impl"

// taskGroup makes a control group of at most so many tasks; nil where that is not
// permitted: then guard sees to it, a little later.
func taskGroup(most int) *Dir {
	home, err := findGroupHome("/", "pids")
	if err != nil {
		return nil
	}
	d, err := scratch(home.dir, tasksPrefix)
	if err != nil {
		return nil
	}
	if err := os.WriteFile(filepath.Join(d.Path, "pids.max"), []byte(strconv.Itoa(most)), 0); err != nil {
		_ = d.Release()
		return nil
	}
	return d
}

func countTasks(group string) int {
	text, err := os.ReadFile(filepath.Join(group, "pids.current"))
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return n
}

func inGroup(group string) (pids []int) {
	text, _ := os.ReadFile(filepath.Join(group, "cgroup.procs"))
	for line := range strings.Lines(string(text)) {
		if pid, err := strconv.Atoi(strings.TrimSpace(line)); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// confine bounds the files of a program, and, unless it is root's, how many
// processes its user has.
func confine(pid, tasks int) error {
	limit := unix.Rlimit{Cur: MaxFile, Max: MaxFile}
	err := unix.Prlimit(pid, unix.RLIMIT_FSIZE, &limit, nil)
	if n := allTasks(); os.Getuid() != 0 && n > 0 {
		limit = unix.Rlimit{Cur: uint64(n + tasks), Max: uint64(n + tasks)}
		err = errors.Join(err, unix.Prlimit(pid, unix.RLIMIT_NPROC, &limit, nil))
	}
	if errors.Is(err, unix.ESRCH) { // it has ended already
		return nil
	}
	return err
}

// awaitZombie returns when a child of this process has ended, and is not reaped.
func awaitZombie(pid int) {
	for {
		if err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil); !errors.Is(err, unix.EINTR) {
			return
		}
	}
}
