package rival

import (
	"context"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
)

// serve answers health checks until the test ends, and counts them.
func serve(t *testing.T, calls *int) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, h grpc.UnaryHandler) (any, error) {
		*calls++ // one call is under way at a time
		return h(ctx, req)
	}))
	healthv1.RegisterHealthServer(s, health.NewServer())
	go func() { _ = s.Serve(l) }()
	t.Cleanup(s.Stop)
	return l.Addr().String()
}

func healthy(ctx context.Context, addr string) error {
	c, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_, err = healthv1.NewHealthClient(c).Check(ctx, &healthv1.HealthCheckRequest{})
	return err
}

// Each proxy takes each of its configurations, and passes calls on to both
// servers when it is to take turns.
func TestProxies(t *testing.T) {
	for s, start := range map[*Software]func(*Room, context.Context, ProxyOptions) (*Proxy, error){
		&nginx: (*Room).Nginx, &haproxy: (*Room).HAProxy,
	} {
		t.Run(s.Package, func(t *testing.T) {
			_, err := s.Find()
			var calls [2]int
			servers := []string{serve(t, &calls[0]), serve(t, &calls[1])}
			for _, b := range []Balance{LeastConnections, RandomTwo, Coin, RoundRobin} {
				r, ctx := room(t, err)
				p, err := start(r, ctx, ProxyOptions{Balance: b, Servers: servers, Attempt: time.Second, Retries: int(b), Ready: healthy})
				if err != nil {
					t.Fatal(err)
				}
				calls = [2]int{}
				for range 4 {
					if err := healthy(ctx, p.Endpoint); err != nil {
						t.Error(err)
					}
				}
				if v := r.Version(); v != s.Version() || calls[0]+calls[1] != 4 || b == RoundRobin && calls[0] != 2 {
					t.Errorf("%s, balance %d: calls %v", v, b, calls)
				}
				if err := p.Stop(ctx); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
