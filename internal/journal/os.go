package journal

import (
	"errors"
	"io"
	"os"
)

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
	if err == nil && size > 0 {
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
