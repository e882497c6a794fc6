//go:build linux

package process_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dyno/bench/process"
	"dyno/systems"
)

// Every process that runs leaves its stacks in its log, a paused one too, and
// that they end is no failure of theirs.
func TestDump(t *testing.T) {
	var dir string
	ctx, g := open(t, func(o *process.Options) { dir = o.Dir })
	start(ctx, t, g, "server")
	paused, err := g.Start(ctx, systems.Launch{Role: "server", Name: "paused"})
	if err != nil {
		t.Fatal(err)
	}
	if err := paused.Pause(); err != nil {
		t.Fatal(err)
	}
	if err := g.Dump(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"server", "paused"} {
		log, err := os.ReadFile(filepath.Join(dir, name+".log"))
		if err != nil || !strings.Contains(string(log), "goroutine ") || !strings.Contains(string(log), "SIGQUIT") {
			t.Errorf("%s left no stacks: %v", name, err)
		}
	}
	if ctx.Err() != nil {
		t.Errorf("the dump counts as a failure: %v", ctx.Err())
	}
}
