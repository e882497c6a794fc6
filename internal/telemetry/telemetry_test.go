package telemetry_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"dyno/internal/rpc"
	"dyno/internal/rpc/rpctest"
	"dyno/internal/telemetry"
)

// sink is a collector that keeps what it is sent.
type sink struct {
	collector.UnimplementedTraceServiceServer
	mu    sync.Mutex
	spans map[string]string // trace by "SERVICE KIND"
}

func (s *sink) Export(_ context.Context, req *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range req.GetResourceSpans() {
		name := r.GetResource().GetAttributes()[0].GetValue().GetStringValue()
		for _, scope := range r.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				s.spans[name+" "+span.GetKind().String()] = string(span.GetTraceId())
			}
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

// A call's two halves reach the collector as one trace, and its count /metrics.
func TestShows(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &sink{spans: make(map[string]string)}
	srv := grpc.NewServer()
	collector.RegisterTraceServiceServer(srv, s)
	go srv.Serve(lis)
	defer srv.Stop()
	var metrics string
	stop, err := telemetry.Start(t.Context(), rpc.Shown{Service: "toy", Metrics: "127.0.0.1:0", Traces: lis.Addr().String()},
		func(addr string) { metrics = "http://" + addr + "/metrics" })
	if err != nil {
		t.Fatal(err)
	}
	defer rpc.Observe(nil, nil)
	conn, _ := rpctest.Start(t, rpc.Options{}, func(grpc.ServiceRegistrar) {})
	if _, err := healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{}); err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get(metrics)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.Body.Close() != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`grpc_server_handled_total{grpc_code="OK",grpc_method="Check"`, `grpc_client_handled_total{grpc_code="OK"`, "go_goroutines"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	client, server := s.spans["dyno toy SPAN_KIND_CLIENT"], s.spans["dyno toy SPAN_KIND_SERVER"]
	if client == "" || client != server {
		t.Errorf("the collector has %q", s.spans)
	}
}

func TestBusyAddress(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer lis.Close()
	if _, err := telemetry.Start(t.Context(), rpc.Shown{Metrics: lis.Addr().String()}, nil); err == nil || !strings.Contains(err.Error(), "--metrics") {
		t.Errorf("a busy address: %v", err)
	}
}
