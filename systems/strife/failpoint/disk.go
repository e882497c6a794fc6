package failpoint

import (
	"fmt"
	"sync/atomic"
	"syscall"

	"dyno/internal/journal"
)

// Disk is where a server's journal lies: on a disk that misbehaves, if a point of
// it is armed; else nil, for the machine's.
func Disk() journal.FS {
	if Armed(CommitWritten) || Armed(DiskFull) || Armed(DiskFail) {
		return disk{journal.OS}
	}
	return nil
}

// committing says that a commit record is on its way to the disk.
var committing atomic.Bool

// Committing tells the disk that what is written next has a commit record.
func Committing() { committing.Store(true) }

// spent reports whether a point was passed often enough, now or before.
func spent(name string) bool {
	p := armed.Load()
	return p != nil && p.name == name && p.left.Add(-1) <= 0
}

type disk struct{ journal.FS }

// Create implements [journal.FS].
func (d disk) Create(name string, size int64) (journal.File, error) {
	if spent(DiskFull) {
		return nil, fmt.Errorf("create %s: %w", name, syscall.ENOSPC)
	}
	f, err := d.FS.Create(name, size)
	return file{f, name}, err
}

// Open implements [journal.FS].
func (d disk) Open(name string, write bool) (journal.File, error) {
	f, err := d.FS.Open(name, write)
	return file{f, name}, err
}

type file struct {
	journal.File
	name string
}

// WriteAt implements [io.WriterAt].
func (f file) WriteAt(b []byte, at int64) (int, error) {
	if spent(DiskFull) {
		return 0, fmt.Errorf("write %s: %w", f.name, syscall.ENOSPC)
	}
	return f.File.WriteAt(b, at)
}

// Sync implements [journal.File].
func (f file) Sync() error {
	if committing.Load() {
		Hit(CommitWritten)
	}
	if spent(DiskFail) {
		return fmt.Errorf("sync %s: %w", f.name, syscall.EIO)
	}
	return f.File.Sync()
}
