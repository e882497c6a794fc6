package rival

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const supported = true

// become replaces this process by a program; it returns only on an error.
//
// The kernel forgets PR_SET_PDEATHSIG when the user changes, so it is set again:
// the program is killed with dyno. A namespace of its own for what outlives
// processes, System V's shared memory, would be handy and wrong: PostgreSQL
// knows by it that processes of an earlier life still run on its files.
func (b becoming) become(path string, args []string) error {
	runtime.LockOSThread() // the thread that calls exec is the one whose settings stay
	parent := os.Getppid()
	if err := os.Chdir(b.dir); err != nil {
		return err
	}
	// Its standard input is the lifeline, on which nothing comes. It must not be
	// replaced here: to this process that would look like the end of dyno.
	if _, err := unix.FcntlInt(0, unix.F_SETFD, 0); err != nil {
		return fmt.Errorf("standard input: %w", err)
	}
	if !b.answers {
		if err := unix.Dup3(2, 1, 0); err != nil {
			return fmt.Errorf("standard output: %w", err)
		}
	}
	if b.uid >= 0 {
		if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(b.gid), syscall.Setuid(b.uid)); err != nil {
			return fmt.Errorf("user %d: %w", b.uid, err)
		}
	}
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("prctl: %w", err)
	}
	if os.Getppid() != parent {
		return errors.New("whoever started this is gone")
	}
	return fmt.Errorf("%s: %w", path, syscall.Exec(path, args, os.Environ()))
}

// forget removes the few bytes of shared memory by which PostgreSQL knows its
// processes, where its end was too sudden for it to do so. While one of them is
// left they stay.
func forget(data string) {
	text, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return // an orderly end
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line) // the key and the id of the segment, on a line of two
		if len(f) != 2 {
			continue
		}
		id, err := strconv.Atoi(f[1])
		var desc unix.SysvShmDesc
		if err != nil {
			continue
		}
		if _, err := unix.SysvShmCtl(id, unix.IPC_STAT, &desc); err == nil && desc.Nattch == 0 {
			_, _ = unix.SysvShmCtl(id, unix.IPC_RMID, nil) // somebody else may have
		}
	}
}
