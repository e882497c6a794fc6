package branchbank_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"dyno/systems/branchbank/core/branch"
	"dyno/systems/branchbank/group"
)

const (
	// python is Debian's: its packages python3-grpcio and python3-grpc-tools need no
	// pip.
	python = "/usr/bin/python3"
	// requireVar makes a missing package a failure, as CI has it.
	requireVar = "DYNO_REQUIRE_PYTHON"
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

// A client that Python generates from the course's own text uses our branches as
// if they were the course's.
func TestPythonCustomer(t *testing.T) {
	needPython(t)
	dir := t.TempDir()
	text, err := os.ReadFile("testdata/bankService.proto")
	if err != nil {
		t.Fatal(err)
	}
	// The text lacks the line that says which syntax it is; no compiler takes it
	// without.
	if err := os.WriteFile(filepath.Join(dir, "bankService.proto"), append([]byte("syntax = \"proto3\";\n"), text...), 0o644); err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs("testdata/customer.py")
	if err != nil {
		t.Fatal(err)
	}
	runPython(t, dir, "-m", "grpc_tools.protoc", "-I.", "--python_out=.", "--grpc_python_out=.", "bankService.proto")

	l, err := group.StartLocal(t.Context(), group.Spec{IDs: []branch.ID{1, 2, 5}, Balance: 400}, branch.Config{Mode: branch.Sync, Funds: branch.Optimistic})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	got := runPython(t, dir, append([]string{script}, l.Addresses...)...)
	const want = `["query", true, "400"]
["deliver deposit", true, "success"]
["deliver query", true, "470"]
["deposit", true, "success"]
["withdraw", true, "success"]
["query", true, "0"]
["withdraw too much", false, "the balance of 0 does not cover 1"]
["unknown event", false, "event \"transfer\" is none of query, deposit, withdraw"]
["zero", false, "an amount of 0: give 1 or more"]
["propagate deposit", true, "success"]
["propagate withdraw", true, "success"]
["query", true, "0"]
["query", true, "3"]
["query", true, "0"]
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func runPython(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), python, args...)
	cmd.Dir = dir
	var errOut strings.Builder
	cmd.Stderr = &errOut
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, errOut.String())
	}
	return string(out)
}
