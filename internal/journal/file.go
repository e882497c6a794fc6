package journal

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
)

// file is what a journal needs of the disk; tests put a failing one in.
type file interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
	Truncate(size int64) error
	Close() error
}

var magic = [8]byte{'d', 'y', 'n', 'o', 'j', 'n', 'l', '1'}

// maxIdentity bounds the identity, in bytes.
const maxIdentity = 1024

// preamble is the header of a file: magic, salt, identity, checksum, padding.
func preamble(identity string, salt uint32) []byte {
	b := append([]byte(nil), magic[:]...)
	b = binary.LittleEndian.AppendUint32(b, salt)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(identity)))
	b = append(b, identity...)
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, checksum))
	return pad(b)
}

// readPreamble checks the header of a file and returns the salt and where the
// first batch begins.
func readPreamble(path string, f io.ReaderAt, identity string) (salt uint32, offset int64, err error) {
	bad := func(reason string) error { return &DamageError{Path: path, Reason: reason} }
	fixed := make([]byte, 16)
	if _, err := f.ReadAt(fixed, 0); err != nil || [8]byte(fixed[:8]) != magic {
		return 0, 0, bad("it does not begin as a journal does")
	}
	n := binary.LittleEndian.Uint32(fixed[12:])
	if n > maxIdentity {
		return 0, 0, bad("its header names no identity")
	}
	b := make([]byte, 16+n+4)
	if _, err := f.ReadAt(b, 0); err != nil {
		return 0, 0, bad("its header is cut short")
	}
	if crc32.Checksum(b[:16+n], checksum) != binary.LittleEndian.Uint32(b[16+n:]) {
		return 0, 0, bad("its header fails its checksum")
	}
	if got := string(b[16 : 16+n]); got != identity {
		return 0, 0, &IdentityError{Path: path, Want: identity, Got: got}
	}
	return binary.LittleEndian.Uint32(fixed[8:]), padded(int64(len(b))), nil
}

// IdentityError says that a journal belongs to something else.
type IdentityError struct{ Path, Want, Got string }

func (e *IdentityError) Error() string {
	return fmt.Sprintf("journal %s belongs to %q, not to %q", e.Path, e.Got, e.Want)
}

// ErrLocked says that another process has the journal open.
var ErrLocked = errors.New("another process has it open")

// openFile opens an existing journal for this process alone.
func openFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	if err := lock(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("journal %s: %w", path, err)
	}
	here, err := f.Stat()
	if err == nil {
		var there os.FileInfo
		if there, err = os.Stat(path); err == nil && !os.SameFile(here, there) {
			err = fmt.Errorf("journal %s: %w", path, ErrLocked) // it was replaced by a snapshot as we came
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// stage writes a file beside path, synced and locked, that publish puts in its
// place.
func stage(path string, content []byte) (*os.File, error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return nil, err
	}
	err = lock(f)
	if err == nil {
		_, err = f.WriteAt(content, 0)
	}
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		err = errors.Join(err, f.Close(), os.Remove(f.Name()))
		return nil, fmt.Errorf("journal %s: %w", path, err)
	}
	return f, nil
}

// publish puts a staged file in place, at once and durably: whoever looks
// finds either what was there before or the whole new file.
func publish(staged *os.File, path string) error {
	if err := os.Rename(staged.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// createFile makes an empty journal.
func createFile(path, identity string) (*os.File, error) {
	f, err := stage(path, preamble(identity, newSalt()))
	if err != nil {
		return nil, err
	}
	if err := publish(f, path); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func newSalt() uint32 {
	var b [4]byte
	rand.Read(b[:]) // never fails
	return binary.LittleEndian.Uint32(b[:])
}
