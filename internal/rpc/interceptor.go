package rpc

import (
	"context"
	"errors"
	"io"
	"runtime/debug"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/recovery"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
)

func (o Options) unaryInterceptors() []grpc.UnaryServerInterceptor {
	return []grpc.UnaryServerInterceptor{
		countServed,
		o.boundDeadline,
		recovery.UnaryServerInterceptor(recovery.WithRecoveryHandlerContext(o.recovered)),
	}
}

// Streams get no deadline: some live as long as both ends do. Keepalive ends
// those whose peer is gone.
func (o Options) streamInterceptors() []grpc.StreamServerInterceptor {
	return []grpc.StreamServerInterceptor{
		countServedStream,
		func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
			return seal(over(next(srv, ss), info))
		},
		recovery.StreamServerInterceptor(recovery.WithRecoveryHandlerContext(o.recovered)),
	}
}

func (o Options) boundDeadline(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.Deadline)
		defer cancel()
	}
	resp, err := next(ctx, req)
	return resp, seal(err)
}

func (o Options) recovered(ctx context.Context, p any) error {
	method, _ := grpc.Method(ctx)
	o.Log.Error("a handler panicked", "method", method, "panic", p, "stack", string(debug.Stack()))
	return Errorf(Internal, "%s panicked: %v", method, p)
}

// over is how a stream ends whose handler hands on that the client has said all: well
// where both talk, since then the client hears no more either. A client that is to be
// told something at the end ended too early, if the handler has not told it.
func over(err error, info *grpc.StreamServerInfo) error {
	switch {
	case err != io.EOF || !info.IsClientStream:
		return err
	case info.IsServerStream:
		return nil
	}
	return Errorf(Invalid, "the stream ended before there was an answer")
}

// seal makes the set of errors closed: what a handler returns by mistake or
// out of laziness leaves as Internal, never as the wire's UNKNOWN.
func seal(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := status.FromError(err); ok {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return status.FromContextError(err).Err()
	}
	return Errorf(Internal, "%v", err)
}
