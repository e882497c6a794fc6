package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"dyno/internal/backoff"
)

// FS is what a journal needs of a file system. [OS] is the machine's; tests
// and the simulator bring their own. Names are paths as the journal was given
// them, extended by path/filepath.
//
// Nothing is durable before a sync says so: the bytes of a file by
// [File.Sync], that a name stands for a file (or no longer does) by SyncDir of
// its folder. What is written is torn at most between the sectors of a file,
// 512 bytes each: a sector holds what it held before, or all that was written.
type FS interface {
	// Mkdir makes a folder; the error is fs.ErrExist if there is one.
	Mkdir(dir string) error
	// Lock keeps other openers out of a folder until it is closed; the error
	// is ErrLocked if one of them is in.
	Lock(dir string) (io.Closer, error)
	// List returns the names in a folder, without the folder's own, in any order.
	List(dir string) ([]string, error)
	// Create makes a file of size bytes, all zero and with space reserved; the
	// error is fs.ErrExist if there is a file of that name.
	Create(name string, size int64) (File, error)
	// Open opens a file, for reading only unless write is set.
	Open(name string, write bool) (File, error)
	// Rename moves a file within a folder, in place of what has the new name.
	Rename(from, to string) error
	Remove(name string) error
	// SyncDir makes durable what was created, renamed and removed in a folder.
	SyncDir(dir string) error
}

// File is an open file of an [FS].
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Size returns the length in bytes.
	Size() (int64, error)
	// Sync makes everything that was written durable. It is never called again
	// after it failed: what the system then says of its pages is not to be
	// trusted.
	Sync() error
}

// ErrLocked says that another process, or another part of this one, has the
// journal open.
var ErrLocked = errors.New("another process has it open")

// writeAt writes all of b, or says why not.
func writeAt(f File, b []byte, offset int64) error {
	n, err := f.WriteAt(b, offset)
	if err == nil && n < len(b) {
		err = fmt.Errorf("%w: %d bytes of %d", io.ErrShortWrite, n, len(b))
	}
	return err
}

// lockPatience is how long [Patiently] waits.
const lockPatience = 2 * time.Second

// Patiently opens a journal that a process which was just killed may still hold.
func Patiently(ctx context.Context, open func() error) error {
	for end := time.Now().Add(lockPatience); ; {
		err := open()
		if !errors.Is(err, ErrLocked) || time.Now().After(end) {
			return err
		}
		if err := backoff.Sleep(ctx, lockPatience/100); err != nil {
			return err
		}
	}
}
