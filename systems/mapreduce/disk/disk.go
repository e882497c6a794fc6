// Package disk is the real disk under the tasks of system mapreduce: the one
// place where they touch files. Everything else about a task is a pure core
// that takes a task.Disk.
package disk

import (
	"fmt"
	"os"

	"dyno/systems/mapreduce/core/task"
)

// Disk is the file system of this machine.
type Disk struct{}

// Open implements [task.Disk]. What is no regular file is refused: it cannot be
// read at any place, and to open a pipe may wait for ever.
func (Disk) Open(name string) (task.Source, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, fmt.Errorf("%s is a folder, not a file", name)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	return source{f}, nil
}

// Create implements [task.Disk].
func (Disk) Create(name string) (task.File, error) { return os.Create(name) }

// Rename implements [task.Disk].
func (Disk) Rename(oldName, newName string) error { return os.Rename(oldName, newName) }

// Remove implements [task.Disk].
func (Disk) Remove(name string) error { return os.Remove(name) }

// SyncDir makes the names in a folder durable.
func (Disk) SyncDir(name string) error {
	if name == "" {
		name = "."
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	err = f.Sync()
	if closing := f.Close(); err == nil {
		err = closing
	}
	return err
}

type source struct{ *os.File }

func (s source) Size() (int64, error) {
	info, err := s.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
