package agent

import (
	"context"
	"fmt"
	"io"
	"net"
	"time"
)

const (
	echoBytes    = 64 // of one connection at most
	echoTimeout  = 2 * time.Second
	echoAtOnce   = 16
	echoAttempts = 10 // exchanges, of which the quickest counts
)

// echo sends back what other machines send to measure the way.
type echo struct{ lis net.Listener }

func newEcho(host string) (*echo, error) {
	lis, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return nil, fmt.Errorf("--advertise %s: %w", host, err)
	}
	e := &echo{lis}
	go e.serve()
	return e, nil
}

func (e *echo) addr() string { return e.lis.Addr().String() }

func (e *echo) close() { _ = e.lis.Close() }

func (e *echo) serve() {
	room := make(chan struct{}, echoAtOnce)
	for {
		conn, err := e.lis.Accept()
		if err != nil {
			return
		}
		room <- struct{}{}
		go func() {
			defer func() { <-room }()
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(echoTimeout))
			_, _ = io.CopyN(conn, conn, echoBytes) // the other side sees how far it came
		}()
	}
}

// RoundTrip is the time of the quickest of several exchanges of a byte over TCP with
// the agent whose echo is at an address.
func RoundTrip(ctx context.Context, addr string) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, echoTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	end, _ := ctx.Deadline()
	_ = conn.SetDeadline(end)
	least, b := echoTimeout, []byte{0}
	for range echoAttempts {
		began := time.Now()
		if _, err = conn.Write(b); err == nil {
			_, err = io.ReadFull(conn, b)
		}
		if err != nil {
			return 0, fmt.Errorf("%s: %w", addr, err)
		}
		least = min(least, time.Since(began))
	}
	return least, nil
}
