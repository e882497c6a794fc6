package journal

import (
	"os"
	"syscall"
)

// syncData makes the bytes and the length of a file durable, without its
// times. A call that a signal interrupted has not failed.
func syncData(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if err != syscall.EINTR {
			return os.NewSyscallError("fdatasync "+f.Name(), err)
		}
	}
}

// beginWriting starts to write a range out. It is a hint: its error is that of
// the sync that follows.
func beginWriting(f *os.File, offset, n int64) {
	const write = 2 // SYNC_FILE_RANGE_WRITE
	_ = syscall.SyncFileRange(int(f.Fd()), offset, n, write)
}
