package target_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"dyno/internal/cli"
)

const repository = "../.."

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(name: (\\S+)\n.*?)```")

// example is an experiment file of docs/target.md, by its name, for a service at
// an address, or for several, and for a few moments.
func example(t *testing.T, name string, addrs ...string) string {
	t.Helper()
	page, err := os.ReadFile(repository + "/docs/target.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range yamlBlock.FindAllSubmatch(page, -1) {
		if string(m[2]) == name {
			text := string(m[1])
			for i, addr := range addrs {
				text = strings.ReplaceAll(text, fmt.Sprint("127.0.0.1:", 50051+i), addr)
			}
			return brief(t, name+".yaml", text)
		}
	}
	t.Fatalf("docs/target.md has no file of the name %s", name)
	return ""
}

var times = regexp.MustCompile(`blocks: \d+, length: \w+, warmup: \w+`)

// brief writes a file whose trials take a moment, with paths as from the
// repository's root.
func brief(t *testing.T, name, text string) string {
	t.Helper()
	text = strings.ReplaceAll(times.ReplaceAllString(text, "blocks: 1, length: 700ms, warmup: 100ms"), "proto: systems/target/", "proto: ")
	text = strings.ReplaceAll(text, "rate: [50, 100, 200]", "rate: [100]")
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// dyno runs a command line, which must end well.
func dyno(t *testing.T, args ...string) string {
	t.Helper()
	var out, log bytes.Buffer
	if code := cli.Main(t.Context(), args, nil, &out, &log); code != 0 {
		t.Fatalf("dyno %s: exit code %d\n%s%s", strings.Join(args, " "), code, out.String(), log.String())
	}
	return out.String()
}

// outside starts a program of somebody else's, which says where it listens.
func outside(t *testing.T, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, name, args...)
	var log bytes.Buffer
	cmd.Stderr = &log
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was killed
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, addr, ok := strings.Cut(lines.Text(), "listening at "); ok {
			return strings.Replace(addr, "[::]", "127.0.0.1", 1)
		}
	}
	_ = cmd.Wait()
	t.Fatalf("%s %v says not where it listens: %s", name, args, log.String())
	return ""
}

// works takes a stranger's way: init, a look at its plan, and the page's example.
func works(t *testing.T, name, addr string, flags ...string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "mine.yaml")
	dyno(t, append([]string{"target", "init", addr, "--out", file}, flags...)...)
	dyno(t, "run", file, "--dry-run")
	for _, path := range []string{file, example(t, name, addr)} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		runs(t, brief(t, filepath.Base(path), string(text)))
	}
}

func runs(t *testing.T, path string) {
	t.Helper()
	var out, log bytes.Buffer
	code := cli.Main(t.Context(), []string{"run", path, "--yardsticks=false", "--out", t.TempDir()}, nil, &out, &log)
	switch text := out.String(); {
	case strings.Contains(text, " 0 invalid, 0 unknown, 0 without") && code == 0:
	case strings.Contains(text, " 0 invalid, ") && strings.Contains(text, " 0 without") && !strings.Contains(text, " 0 unknown"):
		t.Logf("%s: no verdict, as it may be on a busy machine: %s%s", path, text, log.String())
	default:
		t.Errorf("%s: exit code %d\n%s%s", path, code, text, log.String())
	}
}

const python = "/usr/bin/python3" // Debian's

func TestPythonGreeter(t *testing.T) {
	needsPython(t)
	works(t, "python-greeter", outside(t, python, "testdata/services/greeter.py", "127.0.0.1:0"), "--proto", "testdata/services/helloworld.proto")
}

// Three servers, one of them slow, under each policy.
func TestPythonPolicies(t *testing.T) {
	needsPython(t)
	var addrs []string
	for _, takes := range []string{"0.002", "0.002", "0.02"} {
		addrs = append(addrs, outside(t, python, "testdata/services/greeter.py", "127.0.0.1:0", takes))
	}
	runs(t, example(t, "greeter-policies", addrs...))
}

func needsPython(t *testing.T) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), python, "-c", "import grpc, grpc_tools.protoc").CombinedOutput(); err != nil {
		const missing = "needs apt-get install python3-grpcio python3-grpc-tools"
		if os.Getenv("DYNO_REQUIRE_PYTHON") != "" {
			t.Fatalf("%s: %v %s", missing, err, out)
		}
		t.Skip(missing)
	}
}

func TestRubyHealth(t *testing.T) {
	if err := exec.CommandContext(t.Context(), "ruby", "-e", "require 'grpc/health/checker'").Run(); err != nil {
		t.Skip("needs apt-get install ruby-grpc")
	}
	works(t, "ruby-health", outside(t, "ruby", "testdata/services/health.rb", "127.0.0.1:0"), "--proto", "testdata/services/health.proto")
}

// The program is built of a module of its own, which takes a while.
func TestGoGreeter(t *testing.T) {
	if os.Getenv("DYNO_OUTSIDE") == "" {
		t.Skip("builds a server of grpc-go's examples: set DYNO_OUTSIDE=1")
	}
	page, err := os.ReadFile(repository + "/docs/target.md")
	if err != nil {
		t.Fatal(err)
	}
	source := regexp.MustCompile(`go get ((google.golang.org/grpc/examples/\S+)@\S+)`).FindSubmatch(page)
	dir := t.TempDir()
	for _, args := range [][]string{{"mod", "init", "greeter"}, {"get", string(source[1])}, {"build", "-o", "server", string(source[2])}} {
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %v: %v: %s", args, err, out)
		}
	}
	works(t, "go-greeter", outside(t, filepath.Join(dir, "server"), "-port", "0"))
}
