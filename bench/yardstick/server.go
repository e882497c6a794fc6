package yardstick

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc"

	"dyno/internal/rpc"
	yardstickv1 "dyno/proto/yardstick/v1"
	"dyno/systems"
)

// Bounds of the raw TCP port.
const (
	maxConns = 16
	maxIdle  = 30 * time.Second // without a byte, until a connection is closed
)

// peer answers both yardsticks and keeps account.
type peer struct {
	yardstickv1.UnimplementedYardstickServiceServer
	tcpAddress string
	echoes     atomic.Int64
	tcpBytes   atomic.Int64
}

// Echo implements yardstickv1.YardstickServiceServer.
func (p *peer) Echo(_ context.Context, req *yardstickv1.EchoRequest) (*yardstickv1.EchoResponse, error) {
	p.echoes.Add(1)
	return &yardstickv1.EchoResponse{Payload: req.GetPayload()}, nil
}

// Account implements yardstickv1.YardstickServiceServer.
func (p *peer) Account(context.Context, *yardstickv1.AccountRequest) (*yardstickv1.AccountResponse, error) {
	return &yardstickv1.AccountResponse{
		TcpAddress: p.tcpAddress,
		Echoes:     p.echoes.Load(),
		TcpBytes:   p.tcpBytes.Load(),
		CpuNs:      int64(cpuTime()),
	}, nil
}

func (p *peer) register(r grpc.ServiceRegistrar) { yardstickv1.RegisterYardstickServiceServer(r, p) }

func setupServer(fs systems.FlagSet) func(context.Context, systems.Shell) error {
	listen := fs.String("listen", "127.0.0.1:0", "HOST:PORT to serve gRPC on; port 0 takes a free one")
	return func(ctx context.Context, sh systems.Shell) error {
		host, _, err := net.SplitHostPort(*listen)
		if err != nil {
			return systems.Usagef("--listen: %w", err)
		}
		lis, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			return fmt.Errorf("yardstick server: raw TCP: %w", err)
		}
		p := &peer{tcpAddress: lis.Addr().String()}
		defer p.pingPong(lis)()
		ready := func(addr string) {
			fmt.Fprintf(sh.Err, "yardstick server listens on %s, raw TCP on %s\n", addr, p.tcpAddress)
			sh.Ready(addr)
		}
		return rpc.Serve(ctx, rpc.Options{Listen: *listen, Ready: ready}, p.register)
	}
}

// pingPong sends back what comes until the returned function is called, which
// waits for its goroutines.
func (p *peer) pingPong(lis net.Listener) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	slots := make(chan struct{}, maxConns)
	running.Go(func() {
		for {
			conn, err := lis.Accept()
			if err != nil {
				return // the listener is closed
			}
			select {
			case slots <- struct{}{}:
			default:
				_ = conn.Close() // more than anyone who measures needs
				continue
			}
			running.Go(func() {
				defer func() { <-slots }()
				defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
				p.sendBack(conn)
			})
		}
	})
	return func() {
		cancel()
		_ = lis.Close()
		running.Wait()
	}
}

// sendBack answers one connection until it is closed or says nothing for long.
func (p *peer) sendBack(conn net.Conn) {
	defer conn.Close()
	buf := make([]byte, 4096)
	var armed time.Time
	for {
		// Not with every ping: the yardstick is to be bare.
		if now := time.Now(); now.Sub(armed) > maxIdle/2 {
			armed = now
			if conn.SetDeadline(now.Add(maxIdle)) != nil {
				return
			}
		}
		n, err := conn.Read(buf)
		if n > 0 {
			// Before the answer is out: who has it may ask for the account.
			p.tcpBytes.Add(int64(n))
			if _, err := conn.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// cpuTime is what this process has used, finer than the ticks that others see.
func cpuTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		panic(errors.Join(errors.New("yardstick: getrusage"), err)) // the arguments are constant
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
