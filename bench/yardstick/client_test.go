package yardstick

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	"dyno/bench/process"
	"dyno/internal/rpc"
	yardstickv1 "dyno/proto/yardstick/v1"
	"dyno/systems"
)

// liar is a peer that is wrong in one way.
type liar struct {
	yardstickv1.UnimplementedYardstickServiceServer
	peer    *peer
	alter   bool  // an answer that is not its request's
	missing int64 // echoes that the account leaves out
}

func (l *liar) Echo(ctx context.Context, req *yardstickv1.EchoRequest) (*yardstickv1.EchoResponse, error) {
	resp, err := l.peer.Echo(ctx, req)
	if n := l.peer.echoes.Load(); l.alter && n == 3 { // a slow machine makes few in a test
		resp.Payload[0] ^= 1
	}
	return resp, err
}

func (l *liar) Account(ctx context.Context, req *yardstickv1.AccountRequest) (*yardstickv1.AccountResponse, error) {
	resp, err := l.peer.Account(ctx, req)
	if resp.GetEchoes() > 0 {
		resp.Echoes -= l.missing
	}
	return resp, err
}

// altering sends back a wrong byte every hundredth time that it is written to.
type altering struct {
	net.Listener
}

func (a altering) Accept() (net.Conn, error) {
	c, err := a.Listener.Accept()
	return &alteringConn{Conn: c}, err
}

type alteringConn struct {
	net.Conn
	n int
}

func (c *alteringConn) Write(b []byte) (int, error) {
	if c.n++; c.n == 100 {
		b = slices.Clone(b)
		b[0] ^= 1
	}
	return c.Conn.Write(b)
}

// serve runs a peer in this process.
func serve(t *testing.T, l *liar, raw func(net.Listener) net.Listener) *client {
	t.Helper()
	lis, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.peer = &peer{tcpAddress: lis.Addr().String()}
	stop := l.peer.pingPong(raw(lis))
	ctx, cancel := context.WithCancel(t.Context())
	addr, done := make(chan string, 1), make(chan error, 1)
	go func() {
		done <- rpc.Serve(ctx, rpc.Options{Ready: func(a string) { addr <- a }}, func(r grpc.ServiceRegistrar) {
			yardstickv1.RegisterYardstickServiceServer(r, l)
		})
	}()
	c, err := dial(t.Context(), <-addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.close()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		stop()
	})
	return c
}

// A yardstick that is wrong is an error, whichever way it is.
func TestWrongAnswersAreErrors(t *testing.T) {
	same := func(l net.Listener) net.Listener { return l }
	for name, c := range map[string]struct {
		liar liar
		raw  func(net.Listener) net.Listener
		want string
	}{
		"honest":         {liar{}, same, ""},
		"echo altered":   {liar{alter: true}, same, "gRPC echo: "},
		"echo forgotten": {liar{missing: 1}, same, "the peer answered"},
		"echo invented":  {liar{missing: -1}, same, "the peer answered"},
		"byte altered":   {liar{}, func(l net.Listener) net.Listener { return altering{l} }, "raw TCP: "},
	} {
		t.Run(name, func(t *testing.T) {
			y, err := serve(t, &c.liar, c.raw).measure(t.Context(), 50*time.Millisecond)
			switch {
			case c.want == "" && (err != nil || y.Conform() != nil):
				t.Errorf("%v, %v", y, err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("measured %v, %v; want an error with %q", y, err, c.want)
			case strings.HasSuffix(name, "altered") && !errors.Is(err, errWrong):
				t.Errorf("%v is not errWrong", err)
			}
		})
	}
}

// A measurement that is called off ends at once, also in the middle of a ping.
func TestMeasureIsCalledOff(t *testing.T) {
	c := serve(t, &liar{}, func(l net.Listener) net.Listener { return l })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if y, err := c.measure(ctx, time.Hour); err == nil {
		t.Errorf("measured %v", y)
	}
}

// remote connects to a peer in a process of its own.
func remote(b *testing.B) *client {
	b.Helper()
	_, group, err := process.NewGroup(b.Context(), process.Options{System: System, Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := group.Close(); err != nil {
			b.Error(err)
		}
	})
	server, err := group.Start(b.Context(), systems.Launch{Role: "server", Name: "server"})
	if err != nil {
		b.Fatal(err)
	}
	c, err := dial(b.Context(), server.Addr())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.close)
	return c
}

// run does b.N exchanges one after the other, and reports the CPU time of both
// processes for each beside Go's own figures.
func run(b *testing.B, c *client, do exchange) {
	b.ReportAllocs()
	before, err := c.account(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	own, n := cpuTime(), 0
	for b.Loop() {
		if err := do(b.Context()); err != nil {
			b.Fatal(err)
		}
		n++
	}
	own = cpuTime() - own
	after, err := c.account(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric((float64(own)+float64(after.GetCpuNs()-before.GetCpuNs()))/1e3/float64(n), "cpu-µs/op")
}

// BenchmarkTCPPingPong is the yardstick of everything that crosses a process:
// 16 bytes there and back.
func BenchmarkTCPPingPong(b *testing.B) {
	c := remote(b)
	run(b, c, c.pingPong())
}

// BenchmarkGRPCEcho is the yardstick of every call: one at a time.
func BenchmarkGRPCEcho(b *testing.B) {
	c := remote(b)
	run(b, c, c.echo(0))
}
