package target

import (
	"context"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"

	"dyno/internal/record"
)

// What a call costs beside one of a client that was written by hand: the same
// server, the same connection options, one call after the other.
func BenchmarkCall(b *testing.B) {
	srv, h := grpc.NewServer(), health.NewServer()
	h.SetServingStatus("shop", grpc_health_v1.HealthCheckResponse_SERVING)
	grpc_health_v1.RegisterHealthServer(srv, always{h})
	reflection.Register(srv)
	lis := listenAt(b, "tcp", "127.0.0.1:0")
	go srv.Serve(lis)
	b.Cleanup(srv.Stop)
	b.Run("hand-written", func(b *testing.B) {
		conn, err := grpc.NewClient(lis.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		client := grpc_health_v1.NewHealthClient(conn)
		b.ReportAllocs()
		for b.Loop() {
			r, err := client.Check(b.Context(), &grpc_health_v1.HealthCheckRequest{Service: "shop"})
			if err != nil || r.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
				b.Fatal(r, err)
			}
		}
	})
	b.Run("listed", func(b *testing.B) {
		benchmarkCall(b, "ipv4:"+lis.Addr().String(), map[string]string{knobData: `{"service":"shop"}`})
	})
	for name, values := range map[string]map[string]string{
		"unchecked": {knobData: `{"service":"shop"}`},
		"expect":    {knobData: `{"service":"shop"}`, knobExpect: `{"status":"SERVING"}`},
		"template":  {knobData: `{"service":"{{uuid}}"}`},
	} {
		b.Run(name, func(b *testing.B) { benchmarkCall(b, lis.Addr().String(), values) })
	}
}

// always is well, whatever service is asked for.
type always struct{ *health.Server }

func (a always) Check(ctx context.Context, _ *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	return a.Server.Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: "shop"})
}

func benchmarkCall(b *testing.B, address string, values map[string]string) {
	values[knobAddress] = address
	v, err := System.Resolve(values)
	if err != nil {
		b.Fatal(err)
	}
	p, err := prepare(b.Context(), v, 1)
	if err != nil {
		b.Fatal(err)
	}
	defer p.conns.Close()
	op := p.op()
	b.ReportAllocs()
	for b.Loop() {
		if _, outcome := op(b.Context(), 0); outcome != record.OK {
			b.Fatal(p.errors.String())
		}
	}
}
