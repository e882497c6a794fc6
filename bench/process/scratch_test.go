//go:build linux

package process_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"dyno/bench/process"
)

func TestScratch(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	a, err := process.Scratch("toy")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(a.Path, "f"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := process.Scratch("toy")
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Swept) != 0 || !exists(a.Path) || a.Path == b.Path {
		t.Errorf("a directory in use was swept: %v", b.Swept)
	}
	if err := a.Release(); err != nil || exists(a.Path) {
		t.Errorf("Release: %v; still there: %v", err, exists(a.Path))
	}
	if err := b.Release(); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "a/b", "a*"} {
		if _, err := process.Scratch(bad); err == nil {
			t.Errorf("prefix %q was accepted", bad)
		}
	}
}

func TestScratchSweepsWhatAKilledRunLeft(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	outer, pids := nested(t, "toy", "nest") // its bench has a scratch directory
	const prefix = "dyno-systemtest"
	dirs, err := filepath.Glob(filepath.Join(os.TempDir(), prefix+"-*"))
	if err != nil || len(dirs) != 1 {
		t.Fatalf("the nested dyno has the directories %v, %v", dirs, err)
	}
	foreign := make([]string, 0, 3) // similar names that are not ours to touch
	for _, name := range []string{prefix, prefix + "-", prefix + "-12x", prefix + "-more-12"} {
		foreign = append(foreign, filepath.Join(os.TempDir(), name))
		if err := os.Mkdir(foreign[len(foreign)-1], 0o700); err != nil {
			t.Fatal(err)
		}
	}
	scratch := func() []string {
		d, err := process.Scratch(prefix)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Release()
		return d.Swept
	}
	if swept := scratch(); len(swept) != 0 || !exists(dirs[0]) {
		t.Fatalf("the directory of a living run was swept: %v", swept)
	}
	killOuter(t, outer, pids)
	if swept := scratch(); !slices.Equal(swept, dirs) || exists(dirs[0]) {
		t.Errorf("swept %v, want %v", swept, dirs)
	}
	for _, f := range foreign {
		if !exists(f) {
			t.Errorf("%s was swept", strings.TrimPrefix(f, os.TempDir()))
		}
	}
}

// Every run sweeps while others make their directories.
func TestScratchIsKeptFromConcurrentSweeps(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var runs sync.WaitGroup
	for range 8 {
		runs.Go(func() {
			for range 100 {
				d, err := process.Scratch("toy")
				if err != nil {
					t.Error(err)
					return
				}
				if err := os.WriteFile(filepath.Join(d.Path, "f"), nil, 0o600); err != nil {
					t.Error(err)
				}
				if err := d.Release(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	runs.Wait()
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) != 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
