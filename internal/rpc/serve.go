package rpc

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"
)

// Defaults of [Options]. Clients made by [Dial] share MaxMessageBytes.
const (
	DefaultGrace           = 3 * time.Second
	DefaultDeadline        = 30 * time.Second
	DefaultMaxMessageBytes = 4 << 20
	DefaultMaxStreams      = 1024
)

const (
	// Clients ping every pingEvery. Servers tolerate twice that rate, because
	// pings that travel through a delayed link bunch up; gRPC's own default
	// policy (one in 5 minutes) answers them with GOAWAY too_many_pings. A client
	// that asks for pings more often gets them every 10 s, without a word: what
	// must notice a dead peer sooner has heartbeats of its own.
	pingEvery   = 10 * time.Second
	pingTimeout = 5 * time.Second
	pingMinTime = pingEvery / 2

	_ = uint(pingEvery - 10*time.Second) // does not compile when it is less

	// What is left to handlers after their connections were cut.
	handlerGrace = time.Second
)

// Options says how to serve. The zero value serves on a free loopback port.
type Options struct {
	Listen   string       // HOST:PORT; empty: 127.0.0.1:0, a free port
	Listener net.Listener // serve here instead of Listen; closed by Serve

	Ready func(addr string) // called once, when requests are answered at addr
	// called when ctx has ended and health says NOT_SERVING, while requests are still served; must return when its context ends
	BeforeStop func(context.Context)

	Grace           time.Duration // from the end of ctx until open requests are cut, BeforeStop included; 0: DefaultGrace
	Deadline        time.Duration // for unary requests that bring none; 0: DefaultDeadline
	MaxMessageBytes int           // of one request or response; 0: DefaultMaxMessageBytes
	MaxStreams      uint32        // requests in progress per connection, more wait at the client; 0: DefaultMaxStreams

	// TLS encrypts and says whom to let in, health and reflection included, as
	// [LoadIdentity] sets it up; nil: plain text, for everybody.
	TLS *tls.Config

	Log    *slog.Logger        // panics and forced stops; nil: slog.Default()
	Server []grpc.ServerOption // what a system needs beyond this; its interceptors run inside ours
}

// Serve listens, registers the services and answers until ctx ends; then it
// drains and returns nil. Beside the registered services it offers health
// (overall and per service) and reflection. An address that cannot be had is
// an error that names it. A handler that panics answers INTERNAL and is
// logged; the process lives.
func Serve(ctx context.Context, o Options, register func(grpc.ServiceRegistrar)) error {
	o, err := o.complete()
	if err != nil {
		return err
	}
	lis := o.Listener
	if lis == nil {
		if lis, err = Listen(ctx, o.Listen); err != nil {
			return err
		}
	}
	srv := grpc.NewServer(o.serverOptions()...)
	register(srv)
	h := health.NewServer()
	for name := range srv.GetServiceInfo() {
		h.SetServingStatus(name, healthpb.HealthCheckResponse_SERVING)
	}
	healthpb.RegisterHealthServer(srv, h)
	reflection.Register(srv)

	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(countedListener{lis}) }()
	// The socket listens and every service is registered: whoever connects now
	// is answered, at the latest when the goroutine above gets to it.
	if o.Ready != nil {
		o.Ready(lis.Addr().String())
	}
	select {
	case err := <-ended:
		srv.Stop()
		return fmt.Errorf("serve %s: %w", lis.Addr(), err)
	case <-ctx.Done():
	}
	h.Shutdown()
	return o.stop(context.WithoutCancel(ctx), srv)
}

// stop drains the server: BeforeStop and open requests share Grace, then
// connections are cut and handlers have handlerGrace to notice.
func (o Options) stop(ctx context.Context, srv *grpc.Server) error {
	grace, cancel := context.WithTimeout(ctx, o.Grace)
	defer cancel()
	if o.BeforeStop != nil {
		o.BeforeStop(grace)
	}
	stopped := make(chan struct{})
	go func() { srv.GracefulStop(); close(stopped) }()
	select {
	case <-stopped:
		return nil
	case <-grace.Done():
	}
	o.Log.Warn("requests were cut: still open at the end of the grace period", "grace", o.Grace)
	cut := make(chan struct{})
	go func() { srv.Stop(); close(cut) }() // waits for handlers, and ends GracefulStop
	timer := time.NewTimer(handlerGrace)
	defer timer.Stop()
	select {
	case <-cut:
		<-stopped
		return nil
	case <-timer.C:
		return fmt.Errorf("a handler still runs %v after its connection was cut; it must watch its context", handlerGrace)
	}
}

func (o Options) complete() (Options, error) {
	if o.Grace < 0 || o.Deadline < 0 || o.MaxMessageBytes < 0 {
		return o, errors.New("serve: Grace, Deadline and MaxMessageBytes must not be negative")
	}
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.Grace == 0 {
		o.Grace = DefaultGrace
	}
	if o.Deadline == 0 {
		o.Deadline = DefaultDeadline
	}
	if o.MaxMessageBytes == 0 {
		o.MaxMessageBytes = DefaultMaxMessageBytes
	}
	if o.MaxStreams == 0 {
		o.MaxStreams = DefaultMaxStreams
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o, nil
}

func (o Options) serverOptions() []grpc.ServerOption {
	transport := insecure.NewCredentials()
	if o.TLS != nil {
		transport = credentials.NewTLS(o.TLS)
	}
	return append([]grpc.ServerOption{
		grpc.Creds(transport),
		// Stop returns when handlers have: nothing of a service outlives Serve,
		// which is also what tests in virtual time need.
		grpc.WaitForHandlers(true),
		grpc.MaxRecvMsgSize(o.MaxMessageBytes),
		grpc.MaxSendMsgSize(o.MaxMessageBytes),
		grpc.MaxConcurrentStreams(o.MaxStreams),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: pingMinTime, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: pingEvery, Timeout: pingTimeout}),
		grpc.ChainUnaryInterceptor(o.unaryInterceptors()...),
		grpc.ChainStreamInterceptor(o.streamInterceptors()...),
	}, slices.Concat(observers.server, o.Server)...)
}

// Listen opens a TCP address: [Serve] does, unless it is given a listener of a server
// that clients may look for before it is ready. Its errors name the address, the reason
// and what to do, without the layers that package net wraps around them.
func Listen(ctx context.Context, addr string) (net.Listener, error) {
	lis, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err == nil {
		return lis, nil
	}
	return nil, fmt.Errorf("listen %s: %w; %s", addr, reason(err), remedy(err))
}

// reason strips what the caller says anyway: operation, network and address.
func reason(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	if a, ok := errors.AsType[*net.AddrError](err); ok {
		return errors.New(a.Err)
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno
	}
	return err
}

func remedy(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE), errors.Is(err, syscall.EADDRNOTAVAIL):
		return "choose another with --listen"
	case errors.Is(err, syscall.EACCES):
		return "choose a port above 1023 with --listen"
	default:
		return "give HOST:PORT with --listen, for example 127.0.0.1:0"
	}
}
