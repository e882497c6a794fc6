// Package atomicfile replaces files whole or not at all.
package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// Write puts a file in place of what was there: readers see the old content or
// the new, also after a crash. Once it returns nil, the new one stays.
func Write(path string, content []byte) (err error) {
	dir, name := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	tmp, err := os.CreateTemp(dir, "."+name+".tmp-*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(content)
	if err = errors.Join(err, tmp.Chmod(0o644), tmp.Sync(), tmp.Close()); err == nil {
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
