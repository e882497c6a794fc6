package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
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

// OS is the file system of the machine.
var OS FS = machine{}

type machine struct{}

func (machine) Mkdir(dir string) error           { return os.Mkdir(dir, 0o777) }
func (machine) Rename(from, to string) error     { return os.Rename(from, to) }
func (machine) Remove(name string) error         { return os.Remove(name) }
func (machine) Lock(d string) (io.Closer, error) { return lockFolder(d) }

func (machine) List(dir string) ([]string, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	names, err := d.Readdirnames(-1)
	return names, errors.Join(err, d.Close())
}

func (machine) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (machine) Open(name string, write bool) (File, error) {
	flag := os.O_RDONLY
	if write {
		flag = os.O_RDWR
	}
	f, err := os.OpenFile(name, flag, 0)
	if err != nil {
		return nil, err
	}
	return &machineFile{File: f}, nil
}

// slight is the size of a file whose zeros are on the disk as soon as its name is.
const slight = 1 << 20

// Create writes the zeros out instead of asking the file system for room: what
// was only reserved makes it convert extents later, within somebody's sync.
func (machine) Create(name string, size int64) (File, error) {
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, err
	}
	f := &machineFile{File: file, streamed: size == 0}
	zeros := make([]byte, min(size, 256<<10))
	for at := int64(0); at < size && err == nil; at += int64(len(zeros)) {
		_, err = file.WriteAt(zeros[:min(size-at, int64(len(zeros)))], at)
	}
	if err == nil && size > slight {
		err = file.Sync() // no promise, but it makes the first sync that somebody waits for short
	}
	if err != nil {
		return nil, errors.Join(err, file.Close(), os.Remove(name))
	}
	return f, nil
}

// machineFile is a file of the machine.
type machineFile struct {
	*os.File
	streamed bool // written from begin to end, and synced once
	begun    int64
}

func (f *machineFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (f *machineFile) Sync() error { return syncData(f.File) }

// WriteAt has the system begin to write a stream out as it comes, so that the
// sync at its end is no burst that others wait behind.
func (f *machineFile) WriteAt(b []byte, offset int64) (int, error) {
	n, err := f.File.WriteAt(b, offset)
	const stride = 1 << 20
	if end := offset + int64(n); err == nil && f.streamed && end-f.begun >= stride {
		err = beginWriting(f.File, f.begun, end-f.begun)
		f.begun = end
	}
	return n, err
}
