package rpc_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"dyno/internal/record"
	"dyno/internal/rpc"
	"dyno/internal/rpc/rpctest"
	echov1 "dyno/proto/echo/v1"
)

// sleeping answers after d, or when the request is cut.
func sleeping(d time.Duration) func(grpc.ServiceRegistrar) {
	return answering(func(ctx context.Context, _ *echov1.EchoRequest) (*echov1.EchoResponse, error) {
		select {
		case <-time.After(d):
			return &echov1.EchoResponse{}, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
}

// stopDuring stops the server one second into a call and returns the call's
// error, how long stopping took, and what it returned.
func stopDuring(t *testing.T, o rpc.Options, register func(grpc.ServiceRegistrar)) (callErr error, took time.Duration, stopErr error) {
	conn, stop := rpctest.Start(t, o, register)
	called := make(chan error, 1)
	go func() { called <- call(t, conn, time.Hour) }()
	time.Sleep(time.Second)
	begin := time.Now()
	stopErr = stop()
	return <-called, time.Since(begin), stopErr
}

func TestStopWaitsForOpenRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		callErr, took, stopErr := stopDuring(t, rpc.Options{Log: silent}, sleeping(3*time.Second))
		if callErr != nil || stopErr != nil || took != 2*time.Second {
			t.Errorf("call %v, stop %v after %v; want none, none, 2s", callErr, stopErr, took)
		}
	})
}

func TestStopCutsRequestsAfterTheGracePeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		callErr, took, stopErr := stopDuring(t, rpc.Options{Log: silent, Grace: 5 * time.Second}, sleeping(time.Minute))
		if status.Code(callErr) != codes.Unavailable || rpc.Outcome(callErr) != record.Unknown {
			t.Errorf("a cut call ended with %v, outcome %v", callErr, rpc.Outcome(callErr))
		}
		if stopErr != nil || took != 5*time.Second {
			t.Errorf("stop %v after %v; want none after 5s", stopErr, took)
		}
	})
}

func TestStopReportsAHandlerThatIgnoresItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lis := bufconn.Listen(1 << 16)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		release := make(chan struct{})
		stuck := answering(func(context.Context, *echov1.EchoRequest) (*echov1.EchoResponse, error) {
			<-release
			return &echov1.EchoResponse{}, nil
		})
		go func() { done <- rpc.Serve(ctx, rpc.Options{Listener: lis, Log: silent}, stuck) }()
		conn, err := rpc.Dial("passthrough:///memory", grpc.WithContextDialer(
			func(ctx context.Context, _ string) (net.Conn, error) { return lis.DialContext(ctx) }))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		go func() { _ = call(t, conn, time.Hour) }()
		time.Sleep(time.Second)
		cancel()
		if err := <-done; err == nil || !strings.Contains(err.Error(), "must watch its context") {
			t.Errorf("Serve returned %v", err)
		}
		close(release)
	})
}

func TestBeforeStopDrainsWhileServing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var conn *grpc.ClientConn
		var bound time.Duration
		o := rpc.Options{Grace: 4 * time.Second, BeforeStop: func(ctx context.Context) {
			end, _ := ctx.Deadline()
			bound = time.Until(end)
			r, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{})
			if err != nil || r.GetStatus() != healthpb.HealthCheckResponse_NOT_SERVING {
				t.Errorf("health while draining: %v, %v", r.GetStatus(), err)
			}
			if err := call(t, conn, time.Minute); err != nil {
				t.Errorf("a request while draining: %v", err)
			}
		}}
		var stop func() error
		conn, stop = rpctest.Start(t, o, plain)
		if err := call(t, conn, time.Minute); err != nil {
			t.Fatal(err)
		}
		if err := stop(); err != nil || bound != 4*time.Second {
			t.Errorf("stop %v; BeforeStop was given %v, want 4s", err, bound)
		}
	})
}

// acceptances counts the connections a listener hands out.
type acceptances struct {
	net.Listener
	n int
}

func (a *acceptances) Accept() (net.Conn, error) {
	c, err := a.Listener.Accept()
	if err == nil {
		a.n++
	}
	return c, err
}

// connections lets a client idle for an hour and a half with a call every
// half hour, and says how many connections that took.
func connections(t *testing.T, extra ...grpc.ServerOption) int {
	n := 0
	synctest.Test(t, func(t *testing.T) {
		mem := bufconn.Listen(1 << 16)
		lis := &acceptances{Listener: mem}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- rpc.Serve(ctx, rpc.Options{Listener: lis, Server: extra}, plain) }()
		conn, err := rpc.Dial("passthrough:///memory", grpc.WithIdleTimeout(0), grpc.WithContextDialer(
			func(ctx context.Context, _ string) (net.Conn, error) { return mem.DialContext(ctx) }))
		if err != nil {
			t.Fatal(err)
		}
		for range 4 {
			if err := call(t, conn, time.Minute); err != nil {
				t.Error(err)
			}
			time.Sleep(30 * time.Minute)
		}
		conn.Close()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		n = lis.n
	})
	return n
}

// Pings every 10 s over an idle connection are welcome. The second half is
// the negative control: gRPC's default policy closes such a connection.
func TestIdleConnectionsSurviveTheirPings(t *testing.T) {
	if n := connections(t); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
	strict := grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{})
	if n := connections(t, strict, grpc.KeepaliveParams(keepalive.ServerParameters{})); n < 2 {
		t.Errorf("%d connection under gRPC's default policy: the test above proves nothing", n)
	}
}
