//go:build linux

package process_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"dyno/bench/process"
)

func TestOutputIsCaptured(t *testing.T) {
	ctx, g := open(t, nil)
	out, err := start(ctx, t, g, "printer", "--bytes", "1000000").Wait(ctx)
	if err != nil || len(out) != 1e6 {
		t.Errorf("%d bytes, %v; want 1000000", len(out), err)
	}
}

func TestOutputIsBounded(t *testing.T) {
	const most, more = 64 << 20, 64<<20 + 5
	ctx, g := open(t, nil)
	out, err := start(ctx, t, g, "printer", "--bytes", fmt.Sprint(more)).Wait(ctx)
	if len(out) != most {
		t.Errorf("%d bytes are kept, want %d", len(out), most)
	}
	failure(t, err, fmt.Sprintf("wrote %d bytes", more))
	if ctx.Err() != nil {
		t.Error("too much output ended the trial")
	}
}

func TestOutputHeldOpenByAnother(t *testing.T) {
	ctx, g := open(t, nil)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	out, err := start(ctx, t, g, "heir").Wait(ctx)
	failure(t, err, "WaitDelay expired")
	if err := syscall.Kill(atoi(t, string(out)), syscall.SIGKILL); err != nil {
		t.Errorf("the process that holds the output: %v", err)
	}
}

func TestLogIsBounded(t *testing.T) {
	const lines = 30_000 // of 100 bytes
	var dir string
	ctx, g := open(t, func(o *process.Options) { dir = o.Dir })
	if _, err := start(ctx, t, g, "printer", "--lines", fmt.Sprint(lines)).Wait(ctx); err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(filepath.Join(dir, "printer.log"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(log)
	first, last := fmt.Sprintf("%099d\n", 0), fmt.Sprintf("%099d\n", lines-1)
	if len(log) > 2<<20 || !strings.HasPrefix(text, first) || !strings.HasSuffix(text, last) {
		t.Errorf("a log of %d bytes begins %.120q and ends %.120q", len(log), text, text[len(text)-120:])
	}
	left := lines*100 - 1<<20 - 256<<10
	if want := fmt.Sprintf("[%d bytes left out]", left); !strings.Contains(text, want) {
		t.Errorf("the log does not say %s", want)
	}
}

func TestLogOfEveryProcess(t *testing.T) {
	var dir string
	ctx, g := open(t, func(o *process.Options) { dir = filepath.Join(o.Dir, "made", "here"); o.Dir = dir })
	addr := start(ctx, t, g, "server").Addr()
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	log, err := os.ReadFile(filepath.Join(dir, "server.log"))
	if err != nil || string(log) != "listening on "+addr+"\n" {
		t.Errorf("log %q, %v", log, err)
	}
}
