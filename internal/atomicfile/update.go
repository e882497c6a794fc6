package atomicfile

import (
	"errors"
	"io/fs"
	"os"
)

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
