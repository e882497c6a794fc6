package task

import (
	"io"
	"strconv"
)

// Disk is where tasks read and write files. Names are paths; package disk has
// the real one, tests have one that fails.
type Disk interface {
	// Open opens a file for reading.
	Open(name string) (Source, error)
	// Create makes a file for writing, empty.
	Create(name string) (File, error)
	// Rename replaces newName by oldName, atomically.
	Rename(oldName, newName string) error
	// Remove removes a file.
	Remove(name string) error
	// SyncDir makes the names in a folder durable.
	SyncDir(name string) error
}

// Source is a file open for reading. It may be read at several places at once.
type Source interface {
	io.ReaderAt
	io.Closer
	Size() (int64, error) // bytes
}

// File is a file open for writing.
type File interface {
	io.Writer
	io.Closer
	Sync() error
}

// RunName is the name of the run that a map task leaves for a reduce task.
func RunName(job string, mapTask, reduceTask int) string {
	return "mr-" + job + "-" + strconv.Itoa(mapTask) + "-" + strconv.Itoa(reduceTask)
}

// OutputName is the name of a reduce task's output.
func OutputName(reduceTask int) string { return "mr-out-" + strconv.Itoa(reduceTask) }
