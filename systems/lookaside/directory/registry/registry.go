// Package registry is etcd, embedded, for where none runs. Only dyno itself links
// it: it brings more code than all roles together.
package registry

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync/atomic"
	"syscall"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/reflection"

	"dyno/bench/process"
	"dyno/systems"
)

const (
	// One node has nobody to wait for: with etcd's own ticks (100 ms, 1 s) it
	// would be ready after 0.8 s, with these after 30 ms. The shortest lease
	// that etcd then grants is still 1 s, and ours are LeaseTTL.
	registryTick     = 10 * time.Millisecond
	registryElection = 50 * time.Millisecond

	registryStart = 30 * time.Second       // replaying a large --data directory included
	registryGrace = 300 * time.Millisecond // for requests in progress; watches never end by themselves
)

// Serve runs etcd until the context ends. Without a folder its data go with it.
func Serve(ctx context.Context, sh systems.Shell, where *systems.Reach, data string) (err error) {
	passing := data == ""
	if passing {
		scratch, scratchErr := process.Scratch("dyno-registry")
		if scratchErr != nil {
			return scratchErr
		}
		defer func() { err = errors.Join(err, scratch.Release()) }()
		data = scratch.Path
	}
	cfg, err := config(where.Listen, data)
	if err != nil {
		return err
	}
	cfg.UnsafeNoFsync = passing
	var server atomic.Pointer[grpc.Server] // etcd makes it once it is ready
	cfg.ServiceRegister = func(s *grpc.Server) {
		server.Store(s)
		reflection.Register(s)
	}
	etcd, err := embed.StartEtcd(cfg)
	if errno, ok := errors.AsType[syscall.Errno](err); ok && errors.As(err, new(*net.OpError)) {
		return fmt.Errorf("listen %s: %w; choose another with --listen", where.Listen, errno)
	}
	if err != nil {
		return fmt.Errorf("start etcd on %s with its data in %s: %w", where.Listen, data, err)
	}
	defer closeEtcd(etcd, &server)
	return run(ctx, sh, etcd, where)
}

// config is etcd's configuration for one member that only its clients
// reach from outside.
func config(listen, data string) (*embed.Config, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return nil, systems.Usagef("--listen %s: give HOST:PORT, for example 127.0.0.1:0", listen)
	}
	if host == "" {
		host = "0.0.0.0"
	}
	cfg := embed.NewConfig()
	cfg.Dir = data
	// With port 0 the advertised address is not the real one. Only clients that
	// ask etcd for its members would care; ours use the address they are given.
	cfg.ListenClientUrls = []url.URL{{Scheme: "http", Host: net.JoinHostPort(host, port)}}
	cfg.AdvertiseClientUrls = cfg.ListenClientUrls
	cfg.ListenPeerUrls = []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}}
	cfg.AdvertisePeerUrls = cfg.ListenPeerUrls
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	cfg.TickMs = uint(registryTick.Milliseconds())
	cfg.ElectionMs = uint(registryElection.Milliseconds())
	cfg.EnableGRPCGateway = false
	cfg.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.NewNop())
	return cfg, nil
}

// run announces the address once etcd serves and returns when the
// context ends or etcd fails.
func run(ctx context.Context, sh systems.Shell, etcd *embed.Etcd, where *systems.Reach) error {
	timer := time.NewTimer(registryStart)
	defer timer.Stop()
	select {
	case <-etcd.Server.ReadyNotify():
	case <-etcd.Server.StopNotify():
		return errors.New("etcd stopped while it started")
	case <-timer.C:
		return fmt.Errorf("etcd is not ready after %v", registryStart)
	case <-ctx.Done():
		return nil
	}
	addr := where.At(etcd.Clients[0].Addr().String())
	fmt.Fprintf(sh.Err, "registry: etcd://%s\n", addr)
	sh.Ready(addr)
	select {
	case err := <-etcd.Err():
		return fmt.Errorf("etcd: %w", err)
	case <-etcd.Server.StopNotify():
		return errors.New("etcd stopped by itself")
	case <-ctx.Done():
		return nil
	}
}

// closeEtcd stops etcd. Left to itself it would wait 7 s for watches to
// end, which they never do.
func closeEtcd(etcd *embed.Etcd, server *atomic.Pointer[grpc.Server]) {
	cut := time.AfterFunc(registryGrace, func() {
		if s := server.Load(); s != nil {
			s.Stop()
		}
	})
	defer cut.Stop()
	etcd.Close()
}
