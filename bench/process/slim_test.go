package process

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"dyno/systems"
)

// A program of other sources, or of unknown ones, runs no role: neither beside dyno
// from the beginning nor where another one was put in its place since.
func TestOtherSources(t *testing.T) {
	dir := machine(t, map[string]string{"go.mod": "module toy\n", "main.go": "package main\n\nfunc main() { select {} }\n"})
	path := filepath.Join(dir, "toy")
	build := func(tags string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-tags", tags, "-o", path, ".")
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOWORK=off", "GOFLAGS=")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	if replaced(path, "abc") == nil {
		t.Error("a program that is not there")
	}
	toy := &systems.System{Name: "toy", Roles: []systems.Role{{Command: systems.Command{Name: "idle"}}}}
	for tags, own := range map[string]bool{"": false, "grpcnotrace": false, "grpcnotrace,sources_abc": true, "sources_abcd,grpcnotrace": false} {
		build(tags)
		_, g, err := NewGroup(t.Context(), Options{System: toy, Dir: t.TempDir(), Binary: path, stamp: "abc"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = g.Start(t.Context(), systems.Launch{Role: "idle", Name: "a"})
		if own && err != nil || !own && (err == nil || !strings.Contains(err.Error(), "of other sources")) {
			t.Errorf("with the tags %q: %v", tags, err)
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A role that needs dyno-whole, which make quick does not build, or dyno-large, is absent
// software: the rest of the run goes on, and is none that failed.
func TestWithoutWhole(t *testing.T) {
	for lacking, role := range map[string]systems.Role{"toy-whole": {Whole: true}, "toy-large": {Large: true}} {
		role.Name = "idle"
		toy := &systems.System{Name: "toy", Roles: []systems.Role{role}}
		_, g, err := NewGroup(t.Context(), Options{System: toy, Dir: t.TempDir(), Binary: "toy", stamp: "abc"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = g.Start(t.Context(), systems.Launch{Role: "idle", Name: "a"})
		if absent := new(systems.AbsentError); !errors.As(err, &absent) || !strings.Contains(err.Error(), lacking) {
			t.Error(err)
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	}
	// The whole program runs large roles, too.
	large := systems.Role{Large: true}
	for want, o := range map[string]Options{"large": {large: "large", whole: "whole"}, "whole": {whole: "whole", slim: "slim"}} {
		if got := o.own(large, systems.Launch{}); got != want {
			t.Errorf("%s runs a large role, want %s", got, want)
		}
	}
}
