package rpc_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	"dyno/internal/record"
	"dyno/internal/rpc"
	"dyno/internal/rpc/rpctest"
	echov1 "dyno/proto/echo/v1"
)

// Over a real socket: ready means that a request is answered.
func TestReadyMeansServing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	addr, done := make(chan string, 1), make(chan error, 1)
	go func() {
		done <- rpc.Serve(ctx, rpc.Options{Ready: func(a string) { addr <- a }}, plain)
	}()
	conn, err := rpc.Dial(<-addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, name := range []string{"", echov1.EchoService_ServiceDesc.ServiceName} {
		r, err := healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{Service: name})
		if err != nil || r.GetStatus() != healthpb.HealthCheckResponse_SERVING {
			t.Errorf("health of %q: %v, %v", name, r.GetStatus(), err)
		}
	}
	_, err = healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{Service: "nobody"})
	if status.Code(err) != codes.NotFound {
		t.Errorf("health of an unknown service: %v", err)
	}
	if err := call(t, conn, time.Minute); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("the end of the context is a normal end, not %v", err)
	}
}

func TestListenErrorsNameTheAddressAndTheFix(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	for addr, want := range map[string]string{
		busy.Addr().String(): "address already in use; choose another with --listen",
		"127.0.0.1":          "missing port in address; give HOST:PORT with --listen, for example 127.0.0.1:0",
		"127.0.0.1:99999":    "invalid port; give HOST:PORT with --listen, for example 127.0.0.1:0",
		"127.0.0.1:http-x":   "give HOST:PORT with --listen, for example 127.0.0.1:0",
		"203.0.113.7:4000":   "cannot assign requested address; choose another with --listen",
	} {
		err := rpc.Serve(t.Context(), rpc.Options{Listen: addr, Ready: func(string) { t.Error("ready") }}, plain)
		if err == nil || !strings.HasPrefix(err.Error(), "listen "+addr+": ") || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: %v\nwant it to end in %q", addr, err, want)
		}
	}
}

func TestServeRefusesNegativeOptions(t *testing.T) {
	if err := rpc.Serve(t.Context(), rpc.Options{Grace: -1}, plain); err == nil {
		t.Error("a negative grace period is accepted")
	}
}

func TestServeReportsABrokenListener(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	lis.Close()
	if err := rpc.Serve(t.Context(), rpc.Options{Listener: lis}, plain); err == nil {
		t.Error("serving on a closed listener is no error")
	}
}

func TestPanicIsInternalAndTheServerLives(t *testing.T) {
	var log bytes.Buffer
	panicking := true
	conn, stop := rpctest.Start(t, rpc.Options{Log: slog.New(slog.NewTextHandler(&log, nil))}, answering(
		func(context.Context, *echov1.EchoRequest) (*echov1.EchoResponse, error) {
			if panicking {
				panic("half way")
			}
			return &echov1.EchoResponse{}, nil
		}))
	err := call(t, conn, time.Minute)
	if rpc.KindOf(err) != rpc.Internal || rpc.Outcome(err) != record.Unknown {
		t.Errorf("the client of a panic sees %v", err)
	}
	panicking = false
	if err := call(t, conn, time.Minute); err != nil {
		t.Errorf("after a panic: %v", err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"half way", "Echo", "serve_test.go"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %q:\n%s", want, &log)
		}
	}
}

// A panic in a stream is caught as well: a service whose Watch panics.
func TestPanicInAStream(t *testing.T) {
	desc := grpc.ServiceDesc{
		ServiceName: "test.Stream", HandlerType: (*any)(nil),
		Streams: []grpc.StreamDesc{{StreamName: "Open", ServerStreams: true, Handler: func(any, grpc.ServerStream) error { panic("x") }}},
	}
	conn, _ := rpctest.Start(t, rpc.Options{Log: silent}, func(r grpc.ServiceRegistrar) { r.RegisterService(&desc, nil) })
	s, err := conn.NewStream(t.Context(), &desc.Streams[0], "/test.Stream/Open")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RecvMsg(&echov1.EchoResponse{}); rpc.KindOf(err) != rpc.Internal {
		t.Errorf("the client of a panic sees %v", err)
	}
}

// That a client has said all is no bug of the handler's that hands it on; where only
// the server talks, the end that it hands on is another's, and hides nothing.
func TestEndOfTheClientsHalf(t *testing.T) {
	for _, c := range []struct {
		client, server bool
		want           error
		kind           rpc.Kind
	}{
		{true, true, io.EOF, rpc.None},
		{true, false, nil, rpc.Invalid},
		{false, true, nil, rpc.Internal},
	} {
		desc := grpc.ServiceDesc{
			ServiceName: "test.Stream", HandlerType: (*any)(nil),
			Streams: []grpc.StreamDesc{{
				StreamName: "Open", ClientStreams: c.client, ServerStreams: c.server,
				Handler: func(any, grpc.ServerStream) error { return io.EOF },
			}},
		}
		conn, _ := rpctest.Start(t, rpc.Options{Log: silent}, func(r grpc.ServiceRegistrar) { r.RegisterService(&desc, nil) })
		s, err := conn.NewStream(t.Context(), &desc.Streams[0], "/test.Stream/Open")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.RecvMsg(&echov1.EchoResponse{}); rpc.KindOf(err) != c.kind || c.want != nil && err != c.want {
			t.Errorf("client talks: %v, server talks: %v: %v", c.client, c.server, err)
		}
	}
}

func TestMessagesAreBounded(t *testing.T) {
	conn, _ := rpctest.Start(t, rpc.Options{MaxMessageBytes: 1000}, plain)
	client := echov1.NewEchoServiceClient(conn)
	if _, err := client.Echo(t.Context(), &echov1.EchoRequest{Payload: make([]byte, 900)}); err != nil {
		t.Error(err)
	}
	_, err := client.Echo(t.Context(), &echov1.EchoRequest{Payload: make([]byte, 1001)})
	if status.Code(err) != codes.ResourceExhausted || rpc.Outcome(err) != record.Unknown {
		t.Errorf("too large: %v, %v", err, rpc.Outcome(err))
	}
}

func TestReflectionListsTheServices(t *testing.T) {
	conn, _ := rpctest.Start(t, rpc.Options{}, plain)
	s, err := reflectionpb.NewServerReflectionClient(conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ask := &reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}}
	if err := s.Send(ask); err != nil {
		t.Fatal(err)
	}
	answer, err := s.Recv()
	if err != nil || !strings.Contains(answer.String(), echov1.EchoService_ServiceDesc.ServiceName) {
		t.Errorf("reflection answers %v, %v", answer, err)
	}
	if err := s.CloseSend(); err != nil {
		t.Error(err)
	}
}
