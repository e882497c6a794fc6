package rpc_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"

	"dyno/internal/record"
	"dyno/internal/rpc"
	"dyno/internal/rpc/rpctest"
	echov1 "dyno/proto/echo/v1"
)

// since is what was counted between two tallies.
func since(before record.CallEvidence) (made, served record.Calls, sent, received int64) {
	const method = echov1.EchoService_Echo_FullMethodName
	after := rpc.Tally()
	less := func(a, b record.Calls) record.Calls {
		return record.Calls{OK: a.OK - b.OK, Failed: a.Failed - b.Failed}
	}
	return less(after.Made[method], before.Made[method]), less(after.Served[method], before.Served[method]),
		after.SentB - before.SentB, after.Received - before.Received
}

func TestTally(t *testing.T) {
	before := rpc.Tally()
	const payload = 10_000
	ready := make(chan string, 1)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- rpc.Serve(ctx, rpc.Options{Ready: func(addr string) { ready <- addr }}, answering(
			func(_ context.Context, r *echov1.EchoRequest) (*echov1.EchoResponse, error) {
				if len(r.GetPayload()) == 0 {
					return nil, errors.New("x")
				}
				return &echov1.EchoResponse{Payload: r.GetPayload()}, nil
			}))
	}()
	conn, err := rpc.Dial(<-ready)
	if err != nil {
		t.Fatal(err)
	}
	client := echov1.NewEchoServiceClient(conn)
	for i := range 5 {
		_, err := client.Echo(t.Context(), &echov1.EchoRequest{Payload: make([]byte, payload*min(i, 1))})
		if (err == nil) != (i > 0) {
			t.Fatal(err)
		}
	}
	for range 3 { // the bench's own questions
		if _, err := grpc_health_v1.NewHealthClient(conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	_ = conn.Close()
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	want := record.Calls{OK: 4, Failed: 1}
	made, served, sent, received := since(before)
	if made != want || served != want {
		t.Errorf("made %+v, served %+v; want %+v", made, served, want)
	}
	// Both ends are in this process: what one sends the other receives, but for
	// the last words of a connection; four payloads there and back, and a little
	// around them.
	if received > sent || received < 8*payload || sent > 8*payload+10_000 {
		t.Errorf("%d bytes sent, %d received", sent, received)
	}
	if _, ok := rpc.Tally().Served["/grpc.health.v1.Health/Check"]; ok {
		t.Error("a server counts health checks")
	}
}

// A call that the client gives up fails on its side, whatever the server did.
func TestTallyOfADeadline(t *testing.T) {
	release := make(chan struct{})
	conn, stop := rpctest.Start(t, rpc.Options{}, answering(func(context.Context, *echov1.EchoRequest) (*echov1.EchoResponse, error) {
		<-release
		return &echov1.EchoResponse{}, nil
	}))
	before := rpc.Tally()
	if err := call(t, conn, time.Millisecond); err == nil {
		t.Fatal("an answer that was not sent")
	}
	close(release)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if made, served, _, _ := since(before); made != (record.Calls{Failed: 1}) || served.OK+served.Failed > 1 {
		t.Errorf("made %+v, served %+v", made, served)
	}
}

// Counting a call allocates nothing.
func TestTallyAllocates(t *testing.T) {
	invoke := func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error { return nil }
	if n := testing.AllocsPerRun(100, func() {
		_ = rpc.CountMade(context.Background(), "/a.B/C", nil, nil, nil, invoke)
	}); n > 0 {
		t.Errorf("%v allocations per call", n)
	}
}
