package link_test

import (
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"dyno/bench/link"
)

// TestGRPC: calls pass, survive a reset and a refusal by reconnecting, and are
// held by a cut.
func TestGRPC(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	healthpb.RegisterHealthServer(s, health.NewServer())
	go func() { _ = s.Serve(ln) }()
	t.Cleanup(s.Stop)
	path := link.Path{Delay: ms, Jitter: link.Jitter{Size: ms}}
	l := newLink(t, link.Options{Target: ln.Addr().String(), Rules: link.Rules{Forward: path, Back: path}})
	cc, err := grpc.NewClient(l.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.Config{BaseDelay: ms, Multiplier: 1, MaxDelay: ms}, MinConnectTimeout: patience}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cc.Close() })
	check := func() error {
		_, err := healthpb.NewHealthClient(cc).Check(t.Context(), &healthpb.HealthCheckRequest{}, grpc.WaitForReady(true))
		return err
	}
	for round := range int64(5) {
		begin := time.Now()
		if err := check(); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if took := time.Since(begin); took < 2*ms {
			t.Errorf("a call took %v", took)
		}
		l.Reset()
		for state := cc.GetState(); state == connectivity.Ready; state = cc.GetState() {
			if !cc.WaitForStateChange(t.Context(), state) {
				t.Fatal("the client did not notice the reset")
			}
		}
		if round == 2 { // meanwhile nobody is there
			update(t, l, func(r *link.Rules) { r.Refuse = true })
			cc.Connect()
			for state := cc.GetState(); state != connectivity.TransientFailure; state = cc.GetState() {
				cc.Connect()
				if !cc.WaitForStateChange(t.Context(), state) {
					t.Fatal("the client did not notice the refusal")
				}
			}
			update(t, l, func(r *link.Rules) { r.Refuse = false })
		}
	}
	if err := check(); err != nil {
		t.Fatal(err)
	}
	update(t, l, func(r *link.Rules) { r.Forward.Cut = true })
	held := l.Stats().Forward.HeldBytes
	done := make(chan error, 1)
	go func() { done <- check() }()
	eventually(t, "the call is held", func() bool { return l.Stats().Forward.HeldBytes > held })
	if len(done) > 0 {
		t.Error("a call passed the cut")
	}
	update(t, l, func(r *link.Rules) { r.Forward.Cut = false })
	if err := <-done; err != nil {
		t.Error(err)
	}
	if s := l.Stats(); s.Accepted < 6 {
		t.Errorf("counted %+v", s)
	}
}
