package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// scratchAttempts bounds the race with a sweep by another run.
const scratchAttempts = 1000

// Dir is a temporary directory that belongs to this process. The lock on it
// ends with the process, however that ends: this is how a later run knows that
// it is nobody's.
type Dir struct {
	Path  string
	Swept []string // what earlier runs had left and Scratch removed

	lock *os.File
}

// Scratch makes a directory PREFIX-NUMBER in the system's temporary directory.
// It first removes those of the same prefix whose owner was killed before it
// could call Release. The prefix must not be empty nor contain a path
// separator or a star.
func Scratch(prefix string) (*Dir, error) {
	if prefix == "" || strings.ContainsAny(prefix, "*/\\") {
		return nil, fmt.Errorf("scratch directory: %q is not a prefix of a file name", prefix)
	}
	return scratch(os.TempDir(), prefix)
}

// scratch is Scratch in any directory.
func scratch(dir, prefix string) (*Dir, error) {
	swept := sweep(dir, prefix)
	for range scratchAttempts {
		path, err := os.MkdirTemp(dir, prefix+"-*")
		if err != nil {
			return nil, fmt.Errorf("scratch directory: %w", err)
		}
		lock, err := hold(path)
		if err == nil {
			return &Dir{Path: path, Swept: swept, lock: lock}, nil
		}
		if !errors.Is(err, errTaken) {
			return nil, errors.Join(fmt.Errorf("scratch directory: %w", err), os.RemoveAll(path))
		}
	}
	return nil, fmt.Errorf("scratch directory: other runs swept %s-* away %d times", prefix, scratchAttempts)
}

// Release removes the directory and what is in it.
func (d *Dir) Release() error {
	// In this order: once unlocked, it would be anybody's to sweep.
	return errors.Join(os.RemoveAll(d.Path), d.lock.Close())
}

// errTaken says that a directory is held by another run, or no longer there.
var errTaken = errors.New("it is another run's")

// hold locks a directory for as long as the returned file is open.
func hold(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errTaken
	}
	if err != nil {
		return nil, err
	}
	if err := claim(f, path); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// claim locks an open directory and makes sure that it is still there: between
// opening and locking, a sweep may have removed it.
func claim(f *os.File, path string) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errTaken
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", path, err)
	}
	held, err := f.Stat()
	if err != nil {
		return fmt.Errorf("locked %s: %w", path, err)
	}
	if there, err := os.Lstat(path); err != nil || !os.SameFile(held, there) {
		return errTaken
	}
	return nil
}

// sweep removes the directories of a prefix that nobody holds. What cannot be
// removed stays: it is no reason not to run.
func sweep(dir, prefix string) (swept []string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		number, ok := strings.CutPrefix(e.Name(), prefix+"-")
		if !ok || number == "" || strings.Trim(number, "0123456789") != "" || !e.IsDir() || !mine(e) {
			continue
		}
		path := filepath.Join(dir, e.Name())
		lock, err := hold(path)
		if err != nil {
			continue
		}
		if os.RemoveAll(path) == nil {
			swept = append(swept, path)
		}
		_ = lock.Close()
	}
	return swept
}

// mine reports whether a directory belongs to the user who runs this: root
// could remove anybody's.
func mine(e fs.DirEntry) bool {
	info, err := e.Info()
	if err != nil {
		return false
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(s.Uid) == os.Getuid()
}
