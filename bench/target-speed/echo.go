package main

import (
	"context"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/reflection"
)

// echo is the server that all generators call. It can note when calls come.
type echo struct {
	grpc_testing.UnimplementedTestServiceServer
	server  *grpc.Server
	address string
	began   time.Time
	n       atomic.Int64
	came    atomic.Pointer[[]int64] // ns since began, by call; nil: nobody asks
	next    atomic.Pointer[func()]  // is told of each call
	gate    sync.RWMutex            // is locked while nothing is answered
}

func serve() (*echo, error) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &echo{server: grpc.NewServer(), address: lis.Addr().String(), began: time.Now()}
	grpc_testing.RegisterTestServiceServer(s.server, s)
	reflection.Register(s.server)
	go func() { _ = s.server.Serve(lis) }() // ended by Stop
	return s, nil
}

// UnaryCall answers with the payload.
func (s *echo) UnaryCall(_ context.Context, r *grpc_testing.SimpleRequest) (*grpc_testing.SimpleResponse, error) {
	if next := s.next.Load(); next != nil {
		(*next)()
	}
	s.gate.RLock()
	defer s.gate.RUnlock()
	if came := s.came.Load(); came != nil {
		if i := s.n.Add(1) - 1; i < int64(len(*came)) {
			(*came)[i] = int64(time.Since(s.began))
		}
	}
	return &grpc_testing.SimpleResponse{Payload: r.GetPayload()}, nil
}

// begin notes the times of up to so many calls from now on.
func (s *echo) begin(calls int) {
	room := make([]int64, calls)
	s.n.Store(0)
	s.came.Store(&room)
}

// lag is how late calls came that were to come at a constant rate, as their 99th
// percentile, each counted from a schedule that none of them was before; and what
// share of them came at all.
func (s *echo) lag(rate float64, length time.Duration) (p99 time.Duration, share float64) {
	came := (*s.came.Swap(nil))[:min(s.n.Load(), int64(rate*length.Seconds()))]
	if len(came) < 100 {
		return time.Hour, 0
	}
	slices.Sort(came)
	late := make([]int64, len(came))
	for i, at := range came {
		late[i] = at - int64(float64(i)*1e9/rate)
	}
	first := slices.Min(late)
	slices.Sort(late)
	return time.Duration(late[len(late)*99/100] - first), float64(len(came)) / (rate * length.Seconds())
}

// payload is what is echoed: 64 bytes, as data in JSON.
const (
	size    = 64
	payload = `{"payload":{"body":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="}}`
	method  = "grpc.testing.TestService/UnaryCall"
	clients = 8
)

// handLoop is what one writes who needs a loop: generated stubs, a deadline for
// each call, and the time of each.
func handLoop(address string, rate float64, length time.Duration) error {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	stub := grpc_testing.NewTestServiceClient(conn)
	req := &grpc_testing.SimpleRequest{Payload: &grpc_testing.Payload{Body: make([]byte, size)}}
	call := func(due time.Time) (time.Duration, error) {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_, err := stub.UnaryCall(ctx, req)
		return time.Since(due), err
	}
	if rate > 0 {
		return handOpen(call, rate, length)
	}
	return handClosed(call, length)
}
