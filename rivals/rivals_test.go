package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"dyno/bench/driver"
	"dyno/internal/record"
	echov1 "dyno/proto/echo/v1"
)

func newFlags(name string) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	return fs
}

// report runs a command as main does, and reads its report.
func report(t *testing.T, name string, args ...string) (r driver.Report, err error) {
	t.Helper()
	fs := newFlags(name)
	act := commands[name](fs)
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	got, err := act(t.Context())
	if err != nil {
		return r, err
	}
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	return r, json.Unmarshal(text, &r)
}

func TestFirstWord(t *testing.T) {
	for _, args := range [][]string{nil, {"paid"}, {"pay", "--what"}} {
		if err := run(t.Context(), args); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}

// A load that measures nothing is refused before anybody is called.
func TestLength(t *testing.T) {
	for name := range commands {
		if name == "resolve" {
			continue // it has none
		}
		if _, err := report(t, name, "--length", "0s"); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// server echoes what must be "hello", and refuses each call of some number.
type server struct {
	echov1.UnimplementedEchoServiceServer
	calls  chan int
	refuse int
}

func (s *server) Echo(_ context.Context, r *echov1.EchoRequest) (*echov1.EchoResponse, error) {
	n := <-s.calls
	s.calls <- n + 1
	if s.refuse > 0 && n%s.refuse == 0 || string(r.GetPayload()) != "hello" {
		return nil, status.Error(codes.Unavailable, "no")
	}
	return &echov1.EchoResponse{Payload: r.GetPayload()}, nil
}

func serve(t *testing.T, s *server) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.calls = make(chan int, 1)
	s.calls <- 1
	g := grpc.NewServer()
	echov1.RegisterEchoServiceServer(g, s)
	go func() { _ = g.Serve(l) }()
	t.Cleanup(g.Stop)
	return l.Addr().String()
}

// What fortio says of its calls is told: how many, and which of them failed.
func TestFortio(t *testing.T) {
	request, err := proto.Marshal(&echov1.EchoRequest{Payload: []byte("hello")})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		server *server
		want   record.Counts
	}{
		"well":    {&server{}, record.Counts{Offered: 40, Sent: 40, OK: 40}},
		"refused": {&server{refuse: 10}, record.Counts{Offered: 40, Sent: 40, OK: 36, Unknown: 4}},
	} {
		// 42 calls are asked for, of which four workers can share 40.
		r, err := report(t, "fortio", "--server", serve(t, c.server), "--rate", "140", "--clients", "4", "--warmup", "0s", "--length", "300ms",
			"--method", echov1.EchoService_Echo_FullMethodName, "--request", base64.StdEncoding.EncodeToString(request))
		if err != nil || r.Counts != c.want || len(r.Checks) != 2 || r.Checks[0].Status != record.Valid {
			t.Errorf("%s: %+v, %+v, %v", name, r.Counts, r.Checks, err)
		}
	}
}

func TestWhole(t *testing.T) {
	for _, c := range []struct {
		asked, counted, told int64
		want                 record.Status
	}{{5, 5, 5, record.Valid}, {5, 4, 5, record.Invalid}, {5, 5, 4, record.Invalid}} {
		if got := whole(c.asked, c.counted, record.Counts{Sent: c.told}); got.Status != c.want {
			t.Errorf("%+v: %+v", c, got)
		}
	}
}

// Who does not answer is left, and the other one asked.
func TestDepositsGoElsewhere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	s := &depositStore{addrs: []string{nobody, nobody}, sql: addSQL}
	for i := range 4 {
		if err := s.Write(t.Context(), int64(i)); err == nil || s.at != (i+1)%2 {
			t.Errorf("attempt %d: at %d, %v", i, s.at, err)
		}
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
}

// The vote is the tag of what was answered: a pool gives back what it was given.
func TestPoolBreaksOff(t *testing.T) {
	if _, err := openPool(t.Context(), []string{"127.0.0.1:1"}, 2); err == nil {
		t.Error("a pool of nobody")
	}
	p := &pool{free: make(chan pair, 1)}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(fmt.Errorf("enough"))
	if _, err := p.take(ctx); err == nil || err.Error() != "enough" {
		t.Errorf("an empty pool: %v", err)
	}
}
