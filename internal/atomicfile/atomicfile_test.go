package atomicfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"dyno/internal/atomicfile"
)

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "f")
	for _, text := range []string{"one", "another one"} {
		if err := atomicfile.Write(name, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(name); err != nil || string(got) != text {
			t.Errorf("%q, %v; want %q", got, err, text)
		}
	}
	only(t, dir, "f")
}

// What cannot take its place leaves nothing behind, and what was there stays.
func TestWriteFails(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "f")
	if err := os.MkdirAll(filepath.Join(name, "full"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.Write(name, nil); err == nil {
		t.Error("a file took the place of a folder")
	}
	if err := atomicfile.Write(filepath.Join(dir, "no", "f"), nil); err == nil {
		t.Error("written to a folder that is not there")
	}
	only(t, dir, "f")
}

func only(t *testing.T, dir, name string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != name {
		t.Errorf("%v, %v; want %s and nothing else", entries, err, name)
	}
}

// What a killed writer left goes; another file's, though its name begins alike, stays.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{".f[1].tmp-1", ".f[1].tmp-23", ".f1.tmp-4"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := atomicfile.Sweep(filepath.Join(dir, "f[1]")); err != nil {
		t.Error(err)
	}
	only(t, dir, ".f1.tmp-4")
}

// Nobody's update is lost, and one that fails changes nothing.
func TestUpdate(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() {
			for range 8 {
				if err := atomicfile.Update(name, func(old []byte) ([]byte, error) { return append(old, 'x'), nil }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	refused := errors.New("refused")
	if err := atomicfile.Update(name, func([]byte) ([]byte, error) { return nil, refused }); !errors.Is(err, refused) {
		t.Error(err)
	}
	if got, err := os.ReadFile(name); err != nil || len(got) != 64 {
		t.Errorf("%q, %v; want what 64 updates wrote", got, err)
	}
}

func TestWritePrivate(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	if err := atomicfile.WritePrivate(name, []byte("secret")); err != nil {
		t.Fatal(err)
	}
	if i, err := os.Stat(name); err != nil || i.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", i.Mode(), err)
	}
}
