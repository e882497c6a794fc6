package cli_test

import (
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"dyno/systems/all"
)

const (
	python     = "/usr/bin/python3"
	requireVar = "DYNO_REQUIRE_PYTHON" // makes missing packages a failure, as CI has it
	soakVar    = "DYNO_SOAK"           // has the kits of all systems built; in CI one of each language is, by package kit
)

func needPython(t *testing.T) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), python, "-c", "import grpc, grpc_tools.protoc").CombinedOutput(); err != nil {
		const missing = "needs apt-get install python3-grpcio python3-grpc-tools"
		if os.Getenv(requireVar) != "" {
			t.Fatalf("%s: %v %s", missing, err, out)
		}
		t.Skip(missing)
	}
}

// There is a kit of every system that has roles to stand in for, and what is in it
// can be read by those who are to read it.
func TestKits(t *testing.T) {
	var scripts []string
	protoc := []string{"-m", "grpc_tools.protoc", "--python_out=" + t.TempDir()}
	for _, s := range all.Systems {
		if len(s.Open()) == 0 {
			continue
		}
		dir := filepath.Join(t.TempDir(), s.Name)
		for _, language := range []string{"go", "python"} {
			if code, _, errOut := dyno(t, "kit", s.Name, "--lang", language, filepath.Join(dir, language)); code != 0 {
				t.Fatalf("%s, %s: exit %d, %s", s.Name, language, code, errOut)
			}
		}
		root := filepath.Join(dir, "python", "proto")
		protos, err := filepath.Glob(filepath.Join(root, "*", "v1", "*.proto"))
		if err != nil || len(protos) == 0 {
			t.Errorf("%s: protos %q, %v", s.Name, protos, err)
		}
		protoc = append(append(protoc, "-I"+root), protos...)
		for _, role := range s.Open() {
			scripts = append(scripts, filepath.Join(dir, "python", role+".py"))
			if _, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, "go", "cmd", role, "main.go"), nil, parser.AllErrors); err != nil {
				t.Error(err)
			}
		}
		if os.Getenv(soakVar) == "" {
			continue
		}
		vet := exec.CommandContext(t.Context(), "go", "vet", "./...")
		vet.Dir, vet.Env = filepath.Join(dir, "go"), append(os.Environ(), "GOFLAGS="+os.Getenv("GOFLAGS")+" -mod=readonly", "GOPROXY=off", "GOWORK=off")
		if out, err := vet.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", s.Name, err, out)
		}
	}
	needPython(t)
	for _, args := range [][]string{protoc, append([]string{"-m", "py_compile"}, scripts...)} {
		if out, err := exec.CommandContext(t.Context(), python, args...).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	}
}

// What the README of a kit says is so: it falls at the first rung, and says that it
// is left to do.
func TestKitClimbs(t *testing.T) {
	needPython(t)
	dir := t.TempDir()
	kit := filepath.Join(dir, "kit")
	if code, out, errOut := dyno(t, "kit", "branchbank", "--lang", "python", kit); code != 0 || !strings.Contains(out, "branch.py") {
		t.Fatalf("exit %d, %s %s", code, out, errOut)
	}
	code, out, errOut := dyno(t, "check", "branchbank", "--impl", "branch="+python+" "+filepath.Join(kit, "branch.py"), "--out", filepath.Join(dir, "out"))
	if code != 1 || !strings.Contains(out, "✗ speaks") || !strings.Contains(out, "Execute is left to do: write it, and check again") {
		t.Errorf("exit %d\n%s\n%s", code, out, errOut)
	}
}

// What a kit needs is said when it is written, on its page, and where it is missing:
// then the rung is left out, not broken.
func TestKitNeeds(t *testing.T) {
	const needs = "apt-get install python3-grpcio python3-grpc-tools, or pip install grpcio grpcio-tools"
	dir := t.TempDir()
	kit := filepath.Join(dir, "kit")
	code, _, errOut := dyno(t, "kit", "branchbank", "--lang", "python", kit)
	if code != 0 || !strings.Contains(errOut, needs) {
		t.Errorf("exit %d, %q does not say %q", code, errOut, needs)
	}
	if page := read(t, filepath.Join(kit, "README.md")); !strings.Contains(page, needs) || strings.Index(page, needs) > strings.Index(page, "dyno check") {
		t.Errorf("its page does not say %q before it is to be run:\n%s", needs, page)
	}
	if _, err := os.Stat(python); err != nil {
		t.Skip(err)
	}
	bare := python + " -S " + filepath.Join(kit, "branch.py") // without what is installed beside Python
	code, out, errOut := dyno(t, "check", "branchbank", "--impl", "branch="+bare, "--until", "speaks", "--out", filepath.Join(dir, "out"))
	if code != 1 || !strings.Contains(out, "left out") || !strings.Contains(out, needs) {
		t.Errorf("exit %d\n%s\n%s", code, out, errOut)
	}
}

func TestKitRefuses(t *testing.T) {
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "mine"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"kit branchbnk " + full:                  "did you mean branchbank?",
		"kit branchbank --lang pyton " + full:    "did you mean python?",
		"kit branchbank --lang python " + full:   "is not empty",
		"kit branchbank":                         "wants a system and a new folder",
		"kit echo " + filepath.Join(full, "new"): "no role that another program can stand in for",
	} {
		if code, _, errOut := dyno(t, strings.Fields(line)...); code != 2 || !strings.Contains(errOut, want) || strings.Count(errOut, "\n") != 1 {
			t.Errorf("%s: exit %d, %s", line, code, errOut)
		}
	}
}
