package simhost

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"dyno/bench/sim"
	"dyno/internal/journal"
)

// disk is a node's simulated disk as a journal sees it. Folders are parts of
// names. The journal's own syncs return at once, for a method of a node takes no
// time: a simulated crash loses changes from the end backwards, so that what
// comes after such a sync never survives without what came before; and the host
// waits for a sync of its own before anything goes out.
type disk struct {
	*sim.Disk
	open []*file
}

func diskFailed(err error) bool { return errors.Is(err, sim.ErrWrite) || errors.Is(err, sim.ErrSync) }

func (d *disk) Mkdir(string) error             { return nil }
func (d *disk) SyncDir(string) error           { return nil }
func (d *disk) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }
func (d *disk) Remove(name string) error       { return d.Disk.Remove(name) }

// Rename moves a file, also for those who have it open.
func (d *disk) Rename(from, to string) error {
	if err := d.Disk.Rename(from, to); err != nil {
		return err
	}
	for _, f := range d.open {
		if f.name == from {
			f.name = to
		}
	}
	return nil
}

func (d *disk) handle(name string) *file {
	f := &file{d, name}
	d.open = append(d.open, f)
	return f
}

func (d *disk) List(dir string) ([]string, error) {
	var names []string
	for _, f := range d.Files() {
		if rest, ok := strings.CutPrefix(f, dir+string(filepath.Separator)); ok {
			names = append(names, rest)
		}
	}
	return names, nil
}

func (d *disk) Create(name string, size int64) (journal.File, error) {
	if d.Exists(name) {
		return nil, fs.ErrExist
	}
	if err := d.Append(name, nil); err != nil {
		return nil, err
	}
	if err := d.WriteAt(name, make([]byte, size), 0); err != nil {
		return nil, err
	}
	return d.handle(name), nil
}

func (d *disk) Open(name string, _ bool) (journal.File, error) {
	if !d.Exists(name) {
		return nil, fs.ErrNotExist
	}
	return d.handle(name), nil
}

// file is an open file; a name is all there is to it.
type file struct {
	disk *disk
	name string
}

func (f *file) Close() error {
	f.disk.open = slices.DeleteFunc(f.disk.open, func(o *file) bool { return o == f })
	return nil
}

func (f *file) Sync() error          { return nil }
func (f *file) Size() (int64, error) { return int64(f.disk.Size(f.name)), nil }

func (f *file) ReadAt(b []byte, offset int64) (int, error) {
	n := f.disk.ReadAt(f.name, b, int(offset))
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *file) WriteAt(b []byte, offset int64) (int, error) {
	if err := f.disk.WriteAt(f.name, b, int(offset)); err != nil {
		return 0, err
	}
	return len(b), nil
}
