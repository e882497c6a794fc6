package process

import (
	"fmt"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// FullDisk implements [systems.Filler].
func (m *member) FullDisk(full bool) error { return m.latest().fullDisk(full) }

// fullDisk has every write to a file fail, by the limit on the size of files.
// Pipes and sockets are not concerned.
func (c *child) fullDisk(full bool) error {
	var limit unix.Rlimit
	err := unix.Prlimit(c.PID(), unix.RLIMIT_FSIZE, nil, &limit)
	if err == nil {
		limit.Cur = limit.Max
		if full {
			limit.Cur = 0
		}
		err = unix.Prlimit(c.PID(), unix.RLIMIT_FSIZE, &limit, nil)
	}
	if err != nil {
		return fmt.Errorf("%s %s: limiting the size of its files: %w", c.role.Name, c.Name(), err)
	}
	return nil
}

// bearFullDisk lets a write beyond the limit be an error, as on a full disk; its
// signal would end the process.
func bearFullDisk() { signal.Ignore(syscall.SIGXFSZ) }
