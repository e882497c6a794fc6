package target_test

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/interop"
	"google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"

	"dyno/internal/cli"
)

// interoperable is the server by which gRPC's implementations test each other.
func interoperable(t *testing.T) string {
	return described(t, func(srv *grpc.Server) {
		grpc_testing.RegisterTestServiceServer(srv, interop.NewTestServer())
		grpc_health_v1.RegisterHealthServer(srv, health.NewServer())
	})
}

// described is a server that describes its services by reflection.
func described(t *testing.T, register ...func(*grpc.Server)) string {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := grpc.NewServer()
	for _, r := range register {
		r(srv)
	}
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

// stats has a method that by its name only reads and is not there, another that is,
// and two that change something.
type stats struct {
	grpc_testing.UnimplementedLoadBalancerStatsServiceServer
	grpc_testing.UnimplementedXdsUpdateHealthServiceServer
	changed atomic.Int64
}

func (*stats) GetClientStats(context.Context, *grpc_testing.LoadBalancerStatsRequest) (*grpc_testing.LoadBalancerStatsResponse, error) {
	return nil, status.Error(codes.Unimplemented, "later")
}

func (*stats) GetClientAccumulatedStats(context.Context, *grpc_testing.LoadBalancerAccumulatedStatsRequest) (
	*grpc_testing.LoadBalancerAccumulatedStatsResponse, error,
) {
	return new(grpc_testing.LoadBalancerAccumulatedStatsResponse), nil
}

func (s *stats) SetServing(context.Context, *grpc_testing.Empty) (*grpc_testing.Empty, error) {
	s.changed.Add(1)
	return new(grpc_testing.Empty), nil
}

// Of methods that only read, init takes one that is there; it calls no other.
func TestInitChooses(t *testing.T) {
	var s stats
	reading := func(srv *grpc.Server) { grpc_testing.RegisterLoadBalancerStatsServiceServer(srv, &s) }
	changing := func(srv *grpc.Server) { grpc_testing.RegisterXdsUpdateHealthServiceServer(srv, &s) }
	text := dyno(t, "target", "init", described(t, reading, changing), "--out", "-")
	for _, part := range []string{
		"method: 'grpc.testing.LoadBalancerStatsService/GetClientAccumulatedStats'", "GetClientStats   (tried: ", "later", "Service/SetServing",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("no %s in\n%s", part, text)
		}
	}
	var out, log bytes.Buffer
	code := cli.Main(t.Context(), []string{"target", "init", described(t, changing), "--out", "-"}, nil, &out, &log)
	if text := log.String(); code != 2 || !strings.Contains(text, "--method") || !strings.Contains(text, "SetNotServing") {
		t.Errorf("exit code %d, %s; want the methods to choose from", code, text)
	}
	if n := s.changed.Load(); n != 0 {
		t.Errorf("%d calls that nobody asked for", n)
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
