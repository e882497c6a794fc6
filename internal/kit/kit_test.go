package kit_test

import (
	"context"
	"errors"
	"flag"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"dyno/internal/kit"
	"dyno/internal/rpc"
	branchbankv1 "dyno/proto/branchbank/v1"
)

const (
	python     = "/usr/bin/python3"
	requireVar = "DYNO_REQUIRE_PYTHON" // makes missing packages a failure, as CI has it
)

func sample() kit.Kit {
	fs := flag.NewFlagSet("branch", flag.ContinueOnError)
	fs.String("listen", "127.0.0.1:0", "`HOST:PORT` to serve on; \"port 0\" takes a free one")
	fs.Bool("one-stream", false, "messages travel on one stream")
	return kit.Kit{
		System: "branchbank", Summary: "one account, many branches", First: "speaks", Contract: "docs/contract/branchbank.md",
		Roles: []kit.Role{{
			Name: "branch", Summary: "is one branch", Serves: true, Flags: fs,
			Calls: []kit.Call{
				{Method: branchbankv1.BranchService_Execute_FullMethodName, Does: "Does what a customer \"wants\"."},
				{Method: branchbankv1.BranchService_Exchange_FullMethodName, Does: "Carries messages."},
			},
		}},
	}
}

func TestWhatIsWritten(t *testing.T) {
	for language, want := range map[string][]string{
		"python": {".github/workflows/check.yml", ".gitignore", "README.md", "branch.py", "kit.py", "proto/branchbank/v1/branchbank.proto"},
		"go": {
			".github/workflows/check.yml", ".gitignore", "README.md", "cmd/branch/main.go", "go.mod", "go.sum",
			"proto/branchbank/v1/branchbank.pb.go", "proto/branchbank/v1/branchbank.proto", "proto/branchbank/v1/branchbank_grpc.pb.go",
		},
	} {
		dir := filepath.Join(t.TempDir(), "kit")
		names, err := kit.Write(dir, language, sample())
		if err != nil || !slices.Equal(names, want) {
			t.Fatalf("%s: %q, %v; want %q", language, names, err, want)
		}
		readme, err := os.ReadFile(filepath.Join(dir, "README.md"))
		if err != nil || strings.Count(string(readme), "\n") > 60 {
			t.Errorf("%s: a README of %d lines is more than a page (%v)", language, strings.Count(string(readme), "\n"), err)
		}
		for _, say := range []string{"dyno check branchbank --impl \"branch=", "`speaks`", "docs/contract/branchbank.md", "`--one-stream`"} {
			if !strings.Contains(string(readme), say) {
				t.Errorf("%s: the README does not say %q", language, say)
			}
		}
		if _, err := kit.Write(dir, language, sample()); err == nil || !strings.Contains(err.Error(), "not empty") {
			t.Errorf("%s: written over what was there: %v", language, err)
		}
	}
}

func TestRefused(t *testing.T) {
	for want, change := range map[string]func(*kit.Kit){
		"has no role":                    func(k *kit.Kit) { k.Roles = nil },
		"is not /package.Service/Method": func(k *kit.Kit) { k.Roles[0].Calls[0].Method = "Execute" },
		"service dyno.nowhere.v1.No":     func(k *kit.Kit) { k.Roles[0].Calls[0].Method = "/dyno.nowhere.v1.No/Execute" },
		"has no method Exequte":          func(k *kit.Kit) { k.Roles[0].Calls[0].Method = "/dyno.branchbank.v1.BranchService/Exequte" },
		"is no service":                  func(k *kit.Kit) { k.Roles[0].Calls[0].Method = "/dyno.branchbank.v1.Message/Execute" },
	} {
		k := sample()
		change(&k)
		if _, err := kit.Write(t.TempDir(), "go", k); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	if _, err := kit.Write(t.TempDir(), "rust", sample()); err == nil {
		t.Error("there is no kit for rust")
	}
}

// A kit for Go builds with what dyno itself is built with: nothing is downloaded.
func TestVersions(t *testing.T) {
	for name, line := range map[string]*regexp.Regexp{
		"go.mod": regexp.MustCompile(`(?m)^\t(\S+ v\S+)`), "go.sum": regexp.MustCompile(`(?m)^(\S+ v\S+ h1:\S+)$`),
	} {
		ours, err := os.ReadFile("../../" + name)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if _, err := kit.Write(dir, "go", sample()); err != nil {
			t.Fatal(err)
		}
		theirs, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		found := line.FindAllStringSubmatch(string(theirs), -1)
		if len(found) < 5 {
			t.Errorf("%s has %d lines", name, len(found))
		}
		for _, m := range found {
			if !strings.Contains(string(ours), m[1]) {
				t.Errorf("%s of the kit has %s, ours has not: make kit's the same", name, m[1])
			}
		}
	}
}

func TestPythonKit(t *testing.T) {
	if out, err := exec.CommandContext(t.Context(), python, "-c", "import grpc, grpc_tools.protoc").CombinedOutput(); err != nil {
		const missing = "needs apt-get install python3-grpcio python3-grpc-tools"
		if os.Getenv(requireVar) != "" {
			t.Fatalf("%s: %v %s", missing, err, out)
		}
		t.Skip(missing)
	}
	dir := t.TempDir()
	if _, err := kit.Write(dir, "python", sample()); err != nil {
		t.Fatal(err)
	}
	serves(t, python, filepath.Join(dir, "branch.py"))
}

func TestGoKit(t *testing.T) {
	dir := t.TempDir()
	if _, err := kit.Write(dir, "go", sample()); err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", "bin/", "./cmd/...")
	build.Dir = dir
	build.Env = append(os.Environ(), "GOFLAGS="+os.Getenv("GOFLAGS")+" -mod=readonly", "GOPROXY=off", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	serves(t, filepath.Join(dir, "bin", "branch"))
}

// serves starts a kit's server: it is well, has its call left to do, says so, and
// ends when it is asked to.
func serves(t *testing.T, command ...string) {
	t.Helper()
	lis, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := lis.Addr().String()
	_ = lis.Close()
	cmd := exec.CommandContext(t.Context(), command[0], append(command[1:], "--listen", addr, "--one-stream")...)
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancelCause(t.Context())
	ended := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		ended <- err
		stop(errors.Join(errors.New("it ended"), err))
	}()
	conn, err := rpc.Dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	h, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{}, grpc.WaitForReady(true))
	if err != nil || h.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Errorf("health: %v, %v (%v)", h, err, context.Cause(ctx))
	}
	_, err = branchbankv1.NewBranchServiceClient(conn).Execute(ctx, &branchbankv1.ExecuteRequest{})
	if status.Code(err) != codes.Unimplemented || !strings.Contains(err.Error(), "Execute is left to do") {
		t.Errorf("a call that nobody wrote: %v", err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("asked to end: %v", err)
	}
	if t.Failed() {
		t.Logf("it said: %s", said.String())
	}
}
