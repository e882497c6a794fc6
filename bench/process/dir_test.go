//go:build linux

package process_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dyno/bench/process"
)

func TestDir(t *testing.T) {
	logs := t.TempDir()
	_, g := open(t, func(o *process.Options) { o.Dir = logs })
	if err := os.Mkdir(filepath.Join(logs, "state"), 0o755); err != nil {
		t.Fatal(err)
	}
	stale := filepath.Join(logs, "state", "stale")
	if err := os.WriteFile(stale, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	first, err := g.Dir("state")
	if _, statErr := os.Stat(stale); statErr == nil {
		t.Error("the folder of an earlier trial is taken over")
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(first, "x"), []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	if again, err := g.Dir("state"); err != nil || again != first {
		t.Errorf("asked again for %s: %s, %v", first, again, err)
	}
	for _, name := range []string{"", "..", "a/b", "server.log", process.CutFile} {
		if dir, err := g.Dir(name); err == nil {
			t.Errorf("%q is the folder %s", name, dir)
		}
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(logs, "state", "x")); err != nil || string(text) != "kept" {
		t.Errorf("after the trial there is %q, %v", text, err)
	}
	if _, err := os.Stat(filepath.Join(logs, process.CutFile)); err == nil {
		t.Error("something was cut, though all of it fits")
	}
	if _, err := g.Dir("late"); err == nil {
		t.Error("a closed group makes folders")
	}
}

// What is left behind is bounded: the largest files lose their ends, and a list
// says which and how much.
func TestDirIsCut(t *testing.T) {
	logs := t.TempDir()
	_, g := open(t, func(o *process.Options) { o.Dir, o.Keep = logs, 1000 })
	sizes := map[string]int{"a/small": 100, "a/large": 5000, "b/deep/larger": 9000, "b/none": 0}
	for name, size := range sizes {
		dir, file, _ := strings.Cut(name, "/")
		path, err := g.Dir(dir)
		if err != nil {
			t.Fatal(err)
		}
		path = filepath.Join(path, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int64{"a/small": 100, "a/large": 450, "b/deep/larger": 450, "b/none": 0} {
		if info, err := os.Stat(filepath.Join(logs, name)); err != nil || info.Size() != want {
			t.Errorf("%s is left as %v, %v; want %d bytes", name, info, err, want)
		}
	}
	list, err := os.ReadFile(filepath.Join(logs, process.CutFile))
	want := "a/large: the first 450 of 5000 bytes are kept\nb/deep/larger: the first 450 of 9000 bytes are kept\n"
	if err != nil || string(list) != want {
		t.Errorf("the list of what was cut is %q, %v; want %q", list, err, want)
	}
}
