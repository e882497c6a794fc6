package cli_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"
)

// mortal is a service that dies at a call, or never at 0.
type mortal struct {
	grpc_health_v1.UnimplementedHealthServer
	dies  int64
	calls atomic.Int64
	die   func()
}

func (m *mortal) Check(context.Context, *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	if m.calls.Add(1) == m.dies {
		go m.die()
	}
	return &grpc_health_v1.HealthCheckResponse{Status: grpc_health_v1.HealthCheckResponse_SERVING}, nil
}

func serveMortal(t *testing.T, dies int64) (addr string) {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(srv, &mortal{dies: dies, die: srv.Stop})
	reflection.Register(srv)
	done := make(chan error, 1)
	go func() { done <- srv.Serve(lis) }()
	t.Cleanup(func() {
		srv.Stop()
		if err := <-done; err != nil && !errors.Is(err, grpc.ErrServerStopped) { // stopped before it began
			t.Error(err)
		}
	})
	return lis.Addr().String()
}

const mortalFile = `name: dies
title: A service that dies half way
question: Is a window in which most calls fail a measurement?
system: target
load: {loop: closed}
%s
knobs: {address: "%s", expect: '{"status": "SERVING"}'}
core: [{clients: [2]}]
scales:
  full: {blocks: 1, length: 300ms, warmup: 0s}
  deep: {blocks: 1, length: 300ms, warmup: 0s}
figures: [{name: rate, title: Rate, kind: bars, x: clients, y: throughput_rps}]
tables: [{name: all, title: All, rows: [clients], columns: [throughput_rps]}]
`

// runMortal runs the experiment against a service that dies.
func runMortal(t *testing.T, header string) (code int, stdout, errOut, report string) {
	t.Helper()
	dir := t.TempDir()
	file, out := filepath.Join(dir, "dies.yaml"), filepath.Join(dir, "out")
	if err := os.WriteFile(file, fmt.Appendf(nil, mortalFile, header, serveMortal(t, 50)), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, errOut = dyno(t, "run", file, "--out", out, "--yardsticks=false")
	text, err := os.ReadFile(filepath.Join(out, "REPORT.md"))
	if err != nil {
		t.Fatalf("%v\n%s", err, errOut)
	}
	return code, stdout, errOut, string(text)
}

// A service that dies half way is no measurement: the exit code, the output and
// the report say so, with the share and the first error.
func TestServiceThatDies(t *testing.T) {
	t.Parallel()
	code, stdout, errOut, report := runMortal(t, "")
	if code != 1 || !strings.Contains(stdout, "0 valid, 1 invalid") {
		t.Errorf("exit %d: %s", code, stdout)
	}
	const says, first = "0.1 % allowed,", "; the first: rpc error: code = Unavailable"
	for where, text := range map[string]string{"output": errOut, "report": report} {
		if !strings.Contains(text, says) || !strings.Contains(text, first) {
			t.Errorf("the %s does not say %q and %q:\n%s", where, says, first, text)
		}
	}
	for line := range strings.Lines(report) {
		if strings.HasPrefix(line, "| 2 ") && !strings.Contains(line, says) {
			t.Errorf("the row of the table does not say why it is empty: %s", line)
		}
	}
}

// What an experiment allows is its own affair.
func TestServiceThatMayDie(t *testing.T) {
	t.Parallel()
	code, stdout, errOut, report := runMortal(t, "max-failures: 100%")
	if code != 0 || !strings.Contains(stdout, "1 valid") || !strings.Contains(report, "errors") {
		t.Errorf("exit %d: %s\n%s", code, stdout, errOut)
	}
}

// The same by hand: the first error is printed, and the exit code is 1.
func TestHandCommandOnServiceThatDies(t *testing.T) {
	t.Parallel()
	call := func(dies int64, more ...string) (int, string, string) {
		return dyno(t, append([]string{
			"target", "client", "--address", serveMortal(t, dies), "--expect", `{"status": "SERVING"}`,
			"--clients", "2", "--warmup", "0s", "--length", "300ms",
		}, more...)...)
	}
	code, stdout, errOut := call(50)
	if code != 1 || !strings.Contains(stdout, "errors: ") || !strings.Contains(stdout, "code = Unavailable") || !strings.Contains(errOut, "failures is invalid: 0.1 % allowed") {
		t.Errorf("exit %d:\n%s\n%s", code, stdout, errOut)
	}
	code, stdout, errOut = call(50, "--max-failures", "100%")
	if code != 0 || !strings.Contains(stdout, "errors: ") || !strings.Contains(stdout, "code = Unavailable") {
		t.Errorf("where all may fail, exit %d:\n%s\n%s", code, stdout, errOut)
	}
	code, stdout, _ = call(0)
	if code != 0 || strings.Contains(stdout, "errors: ") {
		t.Errorf("of a service that lives, exit %d:\n%s", code, stdout)
	}
	if code, _, errOut = call(0, "--max-failures", "0.1"); code != 2 || !strings.Contains(errOut, "is not a percentage") {
		t.Errorf("a share without its sign, exit %d: %s", code, errOut)
	}
}

// A server that is away from the beginning: echo's client says so as target's does.
func TestHandCommandsWithoutAServer(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		"echo client --server 127.0.0.1:1 --clients 1 --warmup 0s --length 100ms",
		"echo client --server 127.0.0.1:1 --loop open --rate 50 --warmup 0s --length 200ms",
	} {
		code, stdout, errOut := dyno(t, strings.Fields(line)...)
		if code != 1 || !strings.Contains(stdout, "errors: 100 % of") || !strings.Contains(stdout, "connection refused") || !strings.Contains(errOut, "failures is invalid") {
			t.Errorf("%s: exit %d:\n%s\n%s", line, code, stdout, errOut)
		}
	}
}
