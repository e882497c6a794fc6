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

// beginWriting starts to write a range out, once what came before it is out: so
// the disk never has more than two of them to do. Its error would not be
// reported again by a sync.
func beginWriting(f *os.File, offset, n int64) error {
	const (
		waitBefore = 1 // SYNC_FILE_RANGE_WAIT_BEFORE
		write      = 2 // SYNC_FILE_RANGE_WRITE
	)
	before := max(offset-n, 0)
	err := syscall.SyncFileRange(int(f.Fd()), before, offset-before, waitBefore)
	if err == nil {
		err = syscall.SyncFileRange(int(f.Fd()), offset, n, write)
	}
	return os.NewSyscallError("sync_file_range "+f.Name(), err)
}
