package config_test

import (
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"dyno/systems/mapreduce/config"
)

// Workers without a task or a processor would only be started.
func TestUseful(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "in")
	if err := os.WriteFile(file, make([]byte, 100<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args  []string
		tasks int
	}{
		{[]string{"--reduces", "1"}, 1},
		{[]string{"--reduces", "2"}, 2},
		{[]string{"--maps", "1000000"}, config.MaxWorkers},
		{[]string{"--split-size", "34KiB"}, 3},
	} {
		var s config.Config
		fs := flag.NewFlagSet("run", flag.ContinueOnError)
		s.Declare(fs)
		if err := fs.Parse(append(c.args, "--out", filepath.Join(dir, "out"), "wordcount", file)); err != nil {
			t.Fatal(err)
		}
		if err := s.Check(fs.Args()); err != nil {
			t.Fatal(err)
		}
		if got, want := s.Useful(), min(c.tasks, runtime.NumCPU()); got != want {
			t.Errorf("%q: %d workers are of use, want %d", c.args, got, want)
		}
	}
}
