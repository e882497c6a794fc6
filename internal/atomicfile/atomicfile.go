// Package atomicfile replaces files whole or not at all.
package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Write puts a file in place of what was there: readers see the old content or
// the new, also after a crash. Once it returns nil, the new one stays.
func Write(path string, content []byte) error { return write(path, content, 0o644) }

// WritePrivate is [Write] for what nobody but its owner may read, at no moment.
func WritePrivate(path string, content []byte) error { return write(path, content, 0o600) }

func write(path string, content []byte, mode os.FileMode) (err error) {
	dir, name := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	tmp, err := os.CreateTemp(dir, "."+name+".tmp-*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(content)
	if err = errors.Join(err, tmp.Chmod(mode), tmp.Sync(), tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(tmp.Name()) // on a full disk it would take what is left
		return err
	}
	return syncFolder(dir)
}

// syncFolder makes durable which file a name stands for.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Sweep removes what writers of a file left behind when they were killed. It is
// for the only writer, before it begins.
func Sweep(path string) error {
	dir, name := filepath.Split(path)
	left, err := filepath.Glob(pattern.Replace(dir) + "." + pattern.Replace(name) + ".tmp-*")
	for _, l := range left {
		err = errors.Join(err, os.Remove(l))
	}
	return err
}

// pattern makes a text a pattern of itself.
var pattern = strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `\`, `\\`)

// Update replaces a file by what change makes of its content, nil if there was
// none. Of several processes that do so at once, each builds on what the one
// before it has left; an empty file beside it, NAME.lock, is how they wait for
// each other.
func Update(path string, change func(old []byte) ([]byte, error)) (err error) {
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }() // which unlocks it
	if err := lockFile(lock); err != nil {
		return err
	}
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	content, err := change(old)
	if err != nil {
		return err
	}
	return Write(path, content)
}
