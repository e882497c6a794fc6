//go:build linux

package process_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"dyno/bench/process"
	"dyno/systems"
)

func pidOf(g *process.Group) string { return strconv.Itoa(g.Processes()[0].PID) }

func TestStop(t *testing.T) {
	ctx, g := open(t, nil)
	p := start(ctx, t, g, "server")
	if err := p.Stop(ctx); err != nil {
		t.Error(err)
	}
	if e := exit(t, g, "server"); e.Code != 0 {
		t.Errorf("exit status %d", e.Code)
	}
	if err := errors.Join(p.Stop(ctx), p.Kill()); err != nil {
		t.Errorf("stopping again: %v", err)
	}
	if err := p.Pause(); err == nil || !strings.Contains(err.Error(), "server") {
		t.Errorf("pausing a process that has ended: %v", err)
	}
	if ctx.Err() != nil {
		t.Errorf("a process that was stopped ended the trial: %v", context.Cause(ctx))
	}
}

func TestStopKillsWhenTheContextEnds(t *testing.T) {
	ctx, g := open(t, nil)
	p := start(ctx, t, g, "stubborn")
	short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	err := p.Stop(short)
	failure(t, err, "stubborn stubborn was killed", "deadline")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v is not the context's error", err)
	}
	if e := exit(t, g, "stubborn"); e.Code != -1 || !gone(p.PID()) {
		t.Errorf("exit %+v, want -1 and the process gone", e)
	}
}

func TestStopReportsABadEnd(t *testing.T) {
	ctx, g := open(t, nil)
	err := start(ctx, t, g, "rude").Stop(ctx)
	failure(t, err, "rude rude did not end well when asked to: exit status 7", "listening on")
}

func TestKill(t *testing.T) {
	ctx, g := open(t, nil)
	p := start(ctx, t, g, "stubborn")
	if err := p.Kill(); err != nil {
		t.Error(err)
	}
	if !gone(p.PID()) {
		t.Error("the process still runs when Kill has returned")
	}
	if _, err := p.Wait(ctx); err == nil {
		t.Error("Wait calls the end of a killed process a success")
	}
	if ctx.Err() != nil {
		t.Errorf("a process that was killed on purpose ended the trial: %v", context.Cause(ctx))
	}
	if err := g.Close(); err != nil {
		t.Errorf("Close after a kill that was asked for: %v", err)
	}
}

func TestPauseAndResume(t *testing.T) {
	ctx, g := open(t, nil)
	p := start(ctx, t, g, "server")
	if err := p.Pause(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "stopped", func() bool { return state(p.PID()) == "T" })
	if err := p.Resume(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "running", func() bool { return state(p.PID()) != "T" })
	if err := p.Pause(); err != nil {
		t.Fatal(err)
	}
	if err := g.Close(); err != nil {
		t.Errorf("a paused process did not get to finish: %v", err)
	}
	if e := exit(t, g, "server"); e.Code != 0 {
		t.Errorf("exit status %d", e.Code)
	}
}

func TestUnexpectedDeathEndsTheTrial(t *testing.T) {
	ctx, g := open(t, nil)
	p := start(ctx, t, g, "server")
	if err := syscall.Kill(p.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-ctx.Done()
	failure(t, context.Cause(ctx), "server server ended though nobody asked it to: signal: killed", "| listening on "+p.Addr())
	if _, err := g.Start(t.Context(), systems.Launch{Role: "server", Name: "next"}); err == nil || len(g.Processes()) > 1 {
		t.Errorf("a process was started after the trial had ended: %v", err)
	}
	failure(t, p.Stop(t.Context()), "nobody asked")
	failure(t, p.Kill(), "nobody asked")
	failure(t, g.Close(), "nobody asked")
}

// Even a good end is one that nobody asked for.
func TestServerThatLeavesEndsTheTrial(t *testing.T) {
	ctx, g := open(t, nil)
	p := start(ctx, t, g, "server")
	if err := syscall.Kill(p.PID(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-ctx.Done()
	failure(t, context.Cause(ctx), "server server ended though nobody asked it to: exit status 0")
}

func TestFailureOfARoleThatDoesNotServe(t *testing.T) {
	ctx, g := open(t, nil)
	p := start(ctx, t, g, "fails")
	// The death ends the very context that Wait is given: it is told as what it
	// is all the same.
	_, err := p.Wait(ctx)
	failure(t, err, "fails fails failed: exit status 1", "line 20: no good")
	if errors.Is(err, context.Canceled) {
		t.Errorf("the end of the context hides that of the process: %v", err)
	}
	if ctx.Err() == nil {
		t.Error("the trial goes on")
	}
	failure(t, context.Cause(ctx), "nobody asked", "line 20: no good")
}

// The end of an expendable process, however bad, is nobody's failure but its
// own.
func TestExpendable(t *testing.T) {
	ctx, g := open(t, nil)
	var all []systems.Process
	for _, role := range []string{"fails", "server", "rude"} {
		p, err := g.Start(ctx, systems.Launch{Role: role, Name: role, Expendable: true})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	_, err := all[0].Wait(ctx)
	failure(t, err, "fails fails failed: exit status 1")
	if err := syscall.Kill(all[1].PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if _, err := all[1].Wait(ctx); err == nil {
		t.Error("a killed process is said to have done its work")
	}
	if ctx.Err() != nil {
		t.Errorf("the trial is over: %v", context.Cause(ctx))
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	ctx, g := open(t, nil)
	p := start(ctx, t, g, "worker")
	short, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	if _, err := p.Wait(short); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "worker") {
		t.Errorf("Wait returned %v", err)
	}
}

func TestCloseKillsAfterTheGrace(t *testing.T) {
	ctx, g := open(t, func(o *process.Options) { o.Grace = 100 * time.Millisecond })
	p := start(ctx, t, g, "stubborn")
	err := g.Close()
	failure(t, err, "stubborn stubborn was killed", "ignored SIGTERM for 100ms")
	if !gone(p.PID()) {
		t.Error("the process that ignores SIGTERM is still there")
	}
	if again := g.Close(); again != err {
		t.Errorf("the second Close returned %v", again)
	}
}

func TestCloseReportsABadEnd(t *testing.T) {
	ctx, g := open(t, func(o *process.Options) { o.Grace = patience })
	start(ctx, t, g, "rude")
	start(ctx, t, g, "server")
	err := g.Close()
	failure(t, err, "rude rude did not end well when asked to: exit status 7")
	if strings.Contains(err.Error(), "server server") {
		t.Errorf("the server that stopped when asked is blamed: %v", err)
	}
}

// The kernel kills a child when the thread that forked it ends.
func TestChildrenSurviveTheCallersThread(t *testing.T) {
	ctx, g := open(t, nil)
	var p systems.Process
	var err error
	tid := onDoomedThread(func() { p, err = g.Start(ctx, systems.Launch{Role: "server", Name: "s"}) })
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the thread is gone", func() bool { return syscall.Tgkill(syscall.Getpid(), tid, 0) != nil })
	if err := p.Stop(ctx); err != nil {
		t.Errorf("the process did not live to be stopped: %v", err)
	}
	if e := exit(t, g, "s"); e.Code != 0 {
		t.Errorf("exit status %d", e.Code)
	}
}

// onDoomedThread runs f on a thread that ends soon after, and returns its id:
// a goroutine that is locked to its thread takes it along when it returns.
// Only the main thread, which cannot end, is spared.
func onDoomedThread(f func()) (tid int) {
	done := make(chan int)
	go func() {
		runtime.LockOSThread()
		if syscall.Gettid() == syscall.Getpid() {
			defer runtime.UnlockOSThread()
			done <- onDoomedThread(f) // while this one keeps the main thread
			return
		}
		f()
		done <- syscall.Gettid()
	}()
	return <-done
}

// A role whose disk is full gets an error for each write, and lives.
func TestFullDisk(t *testing.T) {
	ctx, g := open(t, nil)
	file := filepath.Join(t.TempDir(), "f")
	p := start(ctx, t, g, "scribe", "--file", file)
	f, ok := p.(systems.Filler)
	if !ok {
		t.Skip("this system cannot limit what a process writes")
	}
	written := func() bool {
		info, err := os.Stat(file)
		return err == nil && info.Size() > 0
	}
	for range 2 {
		eventually(t, "written", written)
		if err := f.FullDisk(true); err != nil {
			t.Fatal(err)
		}
		eventually(t, "refused", func() bool { return !written() })
		if err := f.FullDisk(false); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.Close(); err != nil {
		t.Errorf("a full disk has hurt the process: %v", err)
	}
}
