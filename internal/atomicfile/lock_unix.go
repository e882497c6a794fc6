//go:build unix

package atomicfile

import (
	"os"
	"syscall"
)

func lockFile(f *os.File) error {
	return os.NewSyscallError("flock", syscall.Flock(int(f.Fd()), syscall.LOCK_EX))
}
