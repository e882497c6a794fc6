package rpc_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"

	"dyno/internal/rpc"
	"dyno/internal/rpc/rpctest"
	echov1 "dyno/proto/echo/v1"
)

// service answers every Echo with what the test says.
type service struct {
	echov1.UnimplementedEchoServiceServer
	echo func(context.Context, *echov1.EchoRequest) (*echov1.EchoResponse, error)
}

func (s service) Echo(ctx context.Context, r *echov1.EchoRequest) (*echov1.EchoResponse, error) {
	return s.echo(ctx, r)
}

func answering(echo func(context.Context, *echov1.EchoRequest) (*echov1.EchoResponse, error)) func(grpc.ServiceRegistrar) {
	return func(r grpc.ServiceRegistrar) { echov1.RegisterEchoServiceServer(r, service{echo: echo}) }
}

var plain = answering(func(_ context.Context, r *echov1.EchoRequest) (*echov1.EchoResponse, error) {
	return &echov1.EchoResponse{Payload: r.GetPayload()}, nil
})

var silent = slog.New(slog.NewTextHandler(io.Discard, nil))

// call makes one Echo with a deadline of its own.
func call(t *testing.T, conn grpc.ClientConnInterface, timeout time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	_, err := echov1.NewEchoServiceClient(conn).Echo(ctx, &echov1.EchoRequest{})
	return err
}

func TestRequestWithoutDeadlineGetsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var left time.Duration
		conn, _ := rpctest.Start(t, rpc.Options{Deadline: 7 * time.Second}, answering(
			func(ctx context.Context, _ *echov1.EchoRequest) (*echov1.EchoResponse, error) {
				end, ok := ctx.Deadline()
				if !ok {
					return nil, errors.New("no deadline")
				}
				left = time.Until(end)
				return &echov1.EchoResponse{}, nil
			}))
		if _, err := echov1.NewEchoServiceClient(conn).Echo(context.Background(), &echov1.EchoRequest{}); err != nil || left != 7*time.Second {
			t.Errorf("without a deadline: %v left, error %v; want 7s", left, err)
		}
		if err := call(t, conn, time.Minute); err != nil || left != time.Minute {
			t.Errorf("with a deadline of a minute: %v left, error %v", left, err)
		}
	})
}

func TestBoundedDeadlineEndsTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, _ := rpctest.Start(t, rpc.Options{Deadline: 2 * time.Second}, answering(
			func(ctx context.Context, _ *echov1.EchoRequest) (*echov1.EchoResponse, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}))
		begin := time.Now()
		_, err := echov1.NewEchoServiceClient(conn).Echo(context.Background(), &echov1.EchoRequest{})
		if err == nil || time.Since(begin) != 2*time.Second {
			t.Errorf("ended after %v with %v; want 2s and an error", time.Since(begin), err)
		}
	})
}
