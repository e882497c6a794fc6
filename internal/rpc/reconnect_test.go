package rpc_test

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"dyno/internal/rpc"
	echov1 "dyno/proto/echo/v1"
)

// outage is how much longer than a server was away a client notices it: the
// wait between two attempts to connect counts in every recovery time.
func outage(t *testing.T, away time.Duration, opts ...grpc.DialOption) (late time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		lis := bufconn.Listen(1 << 16)
		ctx, cancel := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() { served <- rpc.Serve(ctx, rpc.Options{Listener: lis, Log: silent}, plain) }()
		var back atomic.Bool
		conn, err := rpc.Dial("passthrough:///memory", append([]grpc.DialOption{grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			if !back.Load() {
				return nil, errors.New("connection refused")
			}
			return lis.DialContext(ctx)
		})}, opts...)...)
		if err != nil {
			t.Fatal(err)
		}
		conn.Connect()
		time.Sleep(away)
		back.Store(true)
		begin := time.Now()
		_, err = echov1.NewEchoServiceClient(conn).Echo(ctx, &echov1.EchoRequest{}, grpc.WaitForReady(true))
		late = time.Since(begin)
		if err != nil {
			t.Error(err)
		}
		conn.Close()
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return late
}

// A server that comes back, after whatever time, is reached within the most
// that [rpc.Dial] waits, jitter included. The second half is the control: with
// gRPC's own parameters a recovery time would be the client's.
func TestReconnectsSoon(t *testing.T) {
	const most = 1200 * time.Millisecond
	for _, away := range []time.Duration{100 * time.Millisecond, 5 * time.Second, 20 * time.Second, 10 * time.Minute} {
		for range 20 {
			if late := outage(t, away); late > most {
				t.Errorf("away for %v, noticed for %v more", away, late)
			}
		}
	}
	slow := false
	for range 20 {
		slow = slow || outage(t, 20*time.Second, grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.DefaultConfig})) > most
	}
	if !slow {
		t.Error("gRPC's own back-off is as short: the test above proves nothing")
	}
}

// uncounted keeps bytes that nobody reads out of what this process tallies.
var uncounted = grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", address)
})

// A peer that accepts connections and says nothing, as a stopped process does,
// costs a call its deadline and no more.
func TestSilentPeerCostsTheDeadline(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts
	if err != nil {
		t.Fatal(err)
	}
	defer lis.Close()
	for _, wait := range []bool{false, true} {
		conn, err := rpc.Dial(lis.Addr().String(), uncounted)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err = echov1.NewEchoServiceClient(conn).Echo(ctx, &echov1.EchoRequest{}, grpc.WaitForReady(wait))
		cancel()
		if status.Code(err) != codes.DeadlineExceeded {
			t.Errorf("wait for ready %v: %v; want the deadline", wait, err)
		}
		conn.Close()
	}
}

// A server that comes back elsewhere is found there.
func TestFollowsTheAddress(t *testing.T) {
	var addr atomic.Value
	addr.Store("")
	conn, err := rpc.Dial("passthrough:///somewhere", rpc.WithAddress(func() (string, error) {
		if a := addr.Load().(string); a != "" {
			return a, nil
		}
		return "", errors.New("nobody knows")
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := call(t, conn, 10*time.Second); status.Code(err) != codes.Unavailable {
		t.Errorf("a server that is nowhere: %v", err)
	}
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() {
			served <- rpc.Serve(ctx, rpc.Options{Log: silent, Ready: func(a string) { addr.Store(a) }}, plain)
		}()
		call, done := context.WithTimeout(ctx, 10*time.Second)
		if _, err := echov1.NewEchoServiceClient(conn).Echo(call, &echov1.EchoRequest{}, grpc.WaitForReady(true)); err != nil {
			t.Error(err)
		}
		done()
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}
}
