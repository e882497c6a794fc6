package rpc

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

// Dial makes a client of a server that [Serve] runs. It does not connect: the
// first call does. Plain text, since everything runs on loopback or a private
// network, unless [WithTLS] is given; no proxy, since one would be measured too; no service config, so
// that no call is retried or balanced behind the caller's back. Further
// options come last and win. The caller closes the connection.
func Dial(target string, opts ...grpc.DialOption) (*grpc.ClientConn, error) {
	return grpc.NewClient(target, append(append(common(),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDisableServiceConfig(),
		grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(DefaultMaxMessageBytes),
			grpc.MaxCallSendMsgSize(DefaultMaxMessageBytes),
		),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time:                pingEvery,
			Timeout:             pingTimeout,
			PermitWithoutStream: true,
		}),
		Reconnecting(firstRetry),
	), opts...)...)
}

// Reconnecting is the option of [Dial] by which clients come back, first after a wait, at
// last every second: gRPC's defaults (1 s to 2 min) suit a wide-area network; here a
// restarted server is back within tens of milliseconds. It is also for clients that
// libraries make.
func Reconnecting(first time.Duration) grpc.DialOption {
	return grpc.WithConnectParams(connectParams(first, time.Second))
}

// common are the options of all clients: what counts, and no proxy.
func common() []grpc.DialOption {
	return append([]grpc.DialOption{
		grpc.WithNoProxy(),
		grpc.WithContextDialer(dialCounted),
		grpc.WithChainUnaryInterceptor(countMade),
		grpc.WithChainStreamInterceptor(countMadeStream),
	}, observers.dial...)
}

// firstRetry is the wait before a second attempt to connect.
const firstRetry = 50 * time.Millisecond

func connectParams(first, timeout time.Duration) grpc.ConnectParams {
	return grpc.ConnectParams{
		Backoff: backoff.Config{
			BaseDelay:  first,
			Multiplier: 1.6,
			Jitter:     0.2,
			MaxDelay:   time.Second,
		},
		MinConnectTimeout: timeout,
	}
}

// WithAddress is the option of [Dial] for a server that may come back at another
// address: each attempt to connect asks where it is now. The target only names
// it, as in "passthrough:///bank".
func WithAddress(find func() (string, error)) grpc.DialOption {
	return grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
		addr, err := find()
		if err != nil {
			return nil, err
		}
		return dialCounted(ctx, addr)
	})
}

// window is what gRPC's own estimate of a window grows to at most.
const window = 16 << 20

// FixedWindows are options of [Dial] for load generators: the peer may send as
// much at once as gRPC would allow on the best of networks. Without them gRPC pings
// the peer at nearly every answer to find that out, which costs each side a good
// part of a small call.
func FixedWindows() []grpc.DialOption {
	return []grpc.DialOption{grpc.WithStaticStreamWindowSize(window), grpc.WithStaticConnWindowSize(window)}
}

// FixedWindowsServed is the same for [Options].Server: the server does not ping its
// clients at nearly every request.
func FixedWindowsServed() []grpc.ServerOption {
	return []grpc.ServerOption{grpc.StaticStreamWindowSize(window), grpc.StaticConnWindowSize(window)}
}

// WithTLS is the option of [Dial] for a server with [Options].TLS.
func WithTLS(c *tls.Config) grpc.DialOption {
	return grpc.WithTransportCredentials(credentials.NewTLS(c))
}
