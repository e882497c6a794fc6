package target_test

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/interop"
	"google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/reflection"

	"dyno/internal/cli"
)

// interoperable is the server by which gRPC's implementations test each other.
func interoperable(t *testing.T) string {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := grpc.NewServer()
	grpc_testing.RegisterTestServiceServer(srv, interop.NewTestServer())
	grpc_health_v1.RegisterHealthServer(srv, health.NewServer())
	reflection.Register(srv)
	go func() { _ = srv.Serve(lis) }() // ended by Stop
	t.Cleanup(srv.Stop)
	return lis.Addr().String()
}

// What init writes is a file that says what there is, and can be planned.
func TestInit(t *testing.T) {
	addr := interoperable(t)
	for method, want := range map[string][]string{
		"": {"method: 'grpc.health.v1.Health/Check'", "#   grpc.testing.TestService/EmptyCall", `expect: '{"status":"SERVING"}'`, "service: string"},
		"grpc.testing.TestService/UnaryCall": {
			"payload: grpc.testing.Payload", "responseSize: int32", `data: '{}'`, `expect: '{"payload":{}}'`,
		},
		"grpc.testing.TestService/StreamingOutputCall": {"# a stream of answers", "responseParameters: list of grpc.testing.ResponseParameters"},
		"grpc.testing.TestService/UnimplementedCall":   {"Called once, it was refused", "Unimplemented"},
	} {
		file := filepath.Join(t.TempDir(), "mine.yaml")
		args := []string{"target", "init", addr, "--out", file}
		if method != "" {
			args = append(args, "--method", method)
		}
		dyno(t, args...)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range want {
			if !strings.Contains(string(text), part) {
				t.Errorf("%s: no %s in\n%s", method, part, text)
			}
		}
		dyno(t, "run", file, "--dry-run")
	}
}

func TestInitMistakes(t *testing.T) {
	addr := interoperable(t)
	there := filepath.Join(t.TempDir(), "there.yaml")
	if err := os.WriteFile(there, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"is there already":    {addr, "--out", there},
		"nothing answers":     {"127.0.0.1:1"},
		"want one argument":   {},
		"want one argument, ": {addr, addr},
		"EmptyCall":           {addr, "--method", "grpc.testing.TestService/EmptyCal"},
	} {
		var out, log bytes.Buffer
		if code := cli.Main(t.Context(), append([]string{"target", "init"}, args...), nil, &out, &log); code == 0 || !strings.Contains(log.String(), want) {
			t.Errorf("%v: exit code %d, %s; want %q", args, code, log.String(), want)
		}
	}
}
