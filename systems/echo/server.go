package echo

import (
	"context"
	"fmt"
	"sync/atomic"

	"google.golang.org/grpc"

	"dyno/internal/rpc"
	echov1 "dyno/proto/echo/v1"
	"dyno/systems"
)

// service answers with what it was sent.
type service struct {
	echov1.UnimplementedEchoServiceServer
	answered atomic.Uint64
}

// Echo implements echov1.EchoServiceServer.
func (s *service) Echo(_ context.Context, req *echov1.EchoRequest) (*echov1.EchoResponse, error) {
	return &echov1.EchoResponse{Payload: req.GetPayload(), Answered: s.answered.Add(1)}, nil
}

func register(r grpc.ServiceRegistrar) { echov1.RegisterEchoServiceServer(r, new(service)) }

func setupServer(fs systems.FlagSet) func(context.Context, systems.Shell) error {
	listen := fs.String("listen", "127.0.0.1:0", "HOST:PORT to serve on; port 0 takes a free one")
	return func(ctx context.Context, sh systems.Shell) error {
		ready := func(addr string) {
			fmt.Fprintf(sh.Err, "echo server listens on %s\n", addr)
			sh.Ready(addr)
		}
		return rpc.Serve(ctx, rpc.Options{Listen: *listen, Ready: ready}, register)
	}
}
