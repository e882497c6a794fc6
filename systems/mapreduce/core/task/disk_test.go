package task_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"dyno/systems/mapreduce/core/task"
)

// memory is a disk in memory. It can fail at any operation, and knows what is
// open.
type memory struct {
	mu    sync.Mutex
	files map[string][]byte
	open  int
	most  int // open at a time
	ops   int
	fail  int // the number of the operation that fails, from 1; 0: none
}

func newMemory() *memory { return &memory{files: map[string][]byte{}} }

var errDisk = errors.New("no space left on device")

func (m *memory) op() error {
	if m.ops++; m.ops == m.fail {
		return errDisk
	}
	return nil
}

func (m *memory) Open(name string) (task.Source, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.op(); err != nil {
		return nil, err
	}
	data, ok := m.files[path.Clean(name)]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	m.open++
	m.most = max(m.most, m.open)
	return &memorySource{Reader: bytes.NewReader(data), disk: m}, nil
}

func (m *memory) Create(name string) (task.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.op(); err != nil {
		return nil, err
	}
	m.files[path.Clean(name)] = nil
	m.open++
	m.most = max(m.most, m.open)
	return &memoryFile{disk: m, name: path.Clean(name)}, nil
}

func (m *memory) Rename(oldName, newName string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.op(); err != nil {
		return err
	}
	data, ok := m.files[path.Clean(oldName)]
	if !ok {
		return fmt.Errorf("rename %s: %w", oldName, fs.ErrNotExist)
	}
	delete(m.files, path.Clean(oldName))
	m.files[path.Clean(newName)] = data
	return nil
}

func (m *memory) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.files, path.Clean(name))
	return nil
}

// names lists the files that begin with one of the prefixes.
func (m *memory) names(prefixes ...string) (out []string) {
	for name := range m.files {
		if slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) }) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

type memorySource struct {
	*bytes.Reader
	disk *memory
}

func (s *memorySource) Size() (int64, error) { return s.Reader.Size(), nil }

func (s *memorySource) ReadAt(p []byte, at int64) (int, error) {
	s.disk.mu.Lock()
	err := s.disk.op()
	s.disk.mu.Unlock()
	if err != nil {
		return 0, err
	}
	return s.Reader.ReadAt(p, at)
}

func (s *memorySource) Close() error { return s.disk.close() }

type memoryFile struct {
	disk *memory
	name string
}

func (f *memoryFile) Write(p []byte) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.disk.op(); err != nil {
		return len(p) / 2, err
	}
	f.disk.files[f.name] = append(f.disk.files[f.name], p...)
	return len(p), nil
}

func (f *memoryFile) Sync() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	return f.disk.op()
}

func (f *memoryFile) Close() error { return f.disk.close() }

func (m *memory) close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.open--; m.open < 0 {
		panic("closed twice")
	}
	return nil
}

var (
	_ task.Disk = (*memory)(nil)
	_ io.Reader = (*memorySource)(nil)
)
