//go:build linux

package process_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"dyno/bench/process"
	"dyno/systems"
)

// patience bounds what must happen; nothing is measured against it.
const patience = 30 * time.Second

// open opens a group of the toy system, which is closed with the test.
func open(t *testing.T, change func(*process.Options)) (context.Context, *process.Group) {
	t.Helper()
	opts := process.Options{System: toy, Dir: t.TempDir(), Logf: t.Logf}
	if change != nil {
		change(&opts)
	}
	ctx, g, err := process.NewGroup(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() }) // what it reports is for the tests of Close
	return ctx, g
}

func start(ctx context.Context, t *testing.T, g *process.Group, role string, args ...string) systems.Process {
	t.Helper()
	p, err := g.Start(ctx, systems.Launch{Role: role, Name: role, Args: args})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// failure asserts that an error is a Failure whose text has all the words.
func failure(t *testing.T, err error, words ...string) *process.Failure {
	t.Helper()
	var f *process.Failure
	if !errors.As(err, &f) {
		t.Fatalf("got %v (%T), want a *process.Failure", err, err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("the error does not say %q:\n%v", w, err)
		}
	}
	return f
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after %v still not: %s", patience, what)
		}
	}
}

// state is the kernel's letter for a process (R, S, T, Z, …), "" when it is
// gone.
func state(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// "pid (name) state …", and the name may contain anything.
	after := string(stat[strings.LastIndexByte(string(stat), ')')+1:])
	return strings.Fields(after)[0]
}

// gone reports whether a process has ended; one that nobody has reaped yet
// has.
func gone(pid int) bool { s := state(pid); return s == "" || s == "Z" || s == "X" }

func atoi(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func exit(t *testing.T, g *process.Group, name string) process.Exit {
	t.Helper()
	for _, p := range g.Processes() {
		if p.Name == name && p.Exit != nil {
			return *p.Exit
		}
	}
	t.Fatalf("%s has not ended: %+v", name, g.Processes())
	return process.Exit{}
}
