package process

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestClaim(t *testing.T) {
	path := filepath.Join(t.TempDir(), "d")
	open := func() *os.File {
		t.Helper()
		if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	first, second := open(), open()
	if err := claim(first, path); err != nil {
		t.Fatal(err)
	}
	if err := claim(second, path); !errors.Is(err, errTaken) {
		t.Errorf("two hold one directory: %v", err)
	}
	if err := errors.Join(os.Remove(path), first.Close()); err != nil {
		t.Fatal(err)
	}
	if err := claim(second, path); !errors.Is(err, errTaken) {
		t.Errorf("a directory that is gone can be held: %v", err)
	}
	open() // of the same name
	if err := claim(second, path); !errors.Is(err, errTaken) {
		t.Errorf("a directory counts as another of its name: %v", err)
	}
}
