// Package rpctest runs a gRPC service over memory for tests: no port, no
// readiness wait, and fit for virtual time (testing/synctest), because
// everything it starts ends with the test.
package rpctest

import (
	"context"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/test/bufconn"

	"dyno/internal/rpc"
)

// bufferBytes is what a connection holds before a writer blocks.
const bufferBytes = 256 << 10

// Start serves what register registers and returns a connection to it. Both
// end with the test; stop ends the server earlier, waits for it and returns
// what rpc.Serve returned. It may be called again.
func Start(t testing.TB, o rpc.Options, register func(grpc.ServiceRegistrar), opts ...grpc.DialOption) (conn *grpc.ClientConn,
	stop func() error,
) {
	t.Helper()
	lis := bufconn.Listen(bufferBytes)
	o.Listener = lis
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan struct{})
	var err error
	go func() {
		defer close(served)
		err = rpc.Serve(ctx, o, register)
	}()
	stop = func() error {
		cancel()
		<-served
		return err
	}
	conn, dialErr := rpc.Dial("passthrough:///memory", append([]grpc.DialOption{
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return lis.DialContext(ctx) }),
	}, opts...)...)
	t.Cleanup(func() {
		if conn != nil {
			_ = conn.Close()
		}
		if err := stop(); err != nil {
			t.Errorf("the server did not end well: %v", err)
		}
	})
	if dialErr != nil {
		t.Fatalf("dial: %v", dialErr)
	}
	return conn, stop
}
