// Package registry is etcd, embedded, for where none runs. Dyno itself does not
// link it: it brings more code than all roles together. It is etcd's server and its gRPC
// services without package embed, whose HTTP gateway, election and lock services and
// exporter of traces nobody here calls, and everybody would compile.
package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/url"
	"syscall"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/etcd/server/v3/config"
	"go.etcd.io/etcd/server/v3/etcdserver"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3rpc"
	"go.etcd.io/etcd/server/v3/features"
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
	"golang.org/x/crypto/bcrypt"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	"dyno/bench/process"
	"dyno/systems"
)

const (
	// One node has nobody to wait for. The shortest lease that etcd then grants is
	// still 1 s, and ours are LeaseTTL; after a restart each lasts an election longer.
	registryTick     = 10 * time.Millisecond
	registryElection = 50 * time.Millisecond
	leadAgain        = time.Millisecond

	memberName = "default"
	pingsApart = 5 * time.Second // at least, of the keepalive of clients, as etcd allows it

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
	host, port, err := net.SplitHostPort(where.Listen)
	if err != nil {
		return systems.Usagef("--listen %s: give HOST:PORT, for example 127.0.0.1:0", where.Listen)
	}
	lis, err := new(net.ListenConfig).Listen(ctx, "tcp", where.Listen)
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return fmt.Errorf("listen %s: %w; choose another with --listen", where.Listen, errno)
	}
	if err != nil {
		return err
	}
	defer lis.Close()
	etcd, err := etcdserver.NewServer(settings(net.JoinHostPort(cmp.Or(host, "0.0.0.0"), port), data, passing))
	if err != nil {
		return fmt.Errorf("start etcd on %s with its data in %s: %w", where.Listen, data, err)
	}
	etcd.Start()
	defer etcd.HardStop() // it has nobody to hand its leadership to
	return run(ctx, sh, etcd, lis, where)
}

// settings are etcd's own defaults for one member that only its clients reach. With
// port 0 the advertised address is not the real one: only clients that ask etcd for
// its members would care; ours use the address they are given.
func settings(listen, data string, passing bool) config.ServerConfig {
	peers := types.URLs{{Scheme: "http", Host: "127.0.0.1:0"}} // there are none
	quiet := zap.NewNop()
	return config.ServerConfig{
		Name: memberName, ClientURLs: types.URLs{url.URL{Scheme: "http", Host: listen}}, PeerURLs: peers,
		InitialPeerURLsMap: types.URLsMap{memberName: peers}, InitialClusterToken: "etcd-cluster", NewCluster: true,
		DataDir: data, UnsafeNoFsync: passing, MaxSnapFiles: 5, MaxWALFiles: 5,
		SnapshotCount: etcdserver.DefaultSnapshotCount, SnapshotCatchUpEntries: etcdserver.DefaultSnapshotCatchUpEntries,
		TickMs: uint(registryTick.Milliseconds()), ElectionTicks: int(registryElection / registryTick), InitialElectionTickAdvance: true,
		MaxTxnOps: 128, MaxRequestBytes: 1.5 * 1024 * 1024, MaxConcurrentStreams: math.MaxUint32,
		AuthToken: "simple", TokenTTL: 300, BcryptCost: uint(bcrypt.DefaultCost),
		StrictReconfigCheck: true, PreVote: true, MaxLearners: 1, V2Deprecation: config.V2DeprDefault,
		WarningApplyDuration: 100 * time.Millisecond, WarningUnaryRequestDuration: 300 * time.Millisecond,
		CompactHashCheckTime: time.Minute, DowngradeCheckTime: 5 * time.Second,
		ServerFeatureGate: features.NewDefaultServerFeatureGate(memberName, quiet), Logger: quiet, Metrics: "basic",
	}
}

// run serves etcd's clients once it is ready, announces the address, and returns when
// the context ends or etcd fails.
func run(ctx context.Context, sh systems.Shell, etcd *etcdserver.EtcdServer, lis net.Listener, where *systems.Reach) error {
	starting, started := context.WithTimeout(ctx, registryStart)
	defer started()
	lead(starting, etcd)
	select {
	case <-etcd.ReadyNotify():
	case <-etcd.StopNotify():
		return errors.New("etcd stopped while it started")
	case <-starting.Done():
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("etcd is not ready after %v", registryStart)
	}
	server := v3rpc.Server(etcd, nil, nil, grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: pingsApart}))
	reflection.Register(server)
	served := make(chan error, 1)
	go func() { served <- server.Serve(lis) }()
	defer stop(server)
	addr := where.At(lis.Addr().String())
	fmt.Fprintf(sh.Err, "registry: etcd://%s\n", addr)
	sh.Ready(addr)
	select {
	case err := <-served:
		return fmt.Errorf("etcd: %w", err)
	case <-etcd.StopNotify():
		return errors.New("etcd stopped by itself")
	case <-ctx.Done():
		return nil
	}
}

// lead has the only member elect itself now: otherwise it waits for rivals, whom it has
// not, as many of an election's ticks as chance wants. It is what a leader tells its
// successor in raft. A member ignores it until it has applied who the members are, so
// it is told again.
func lead(ctx context.Context, etcd *etcdserver.EtcdServer) {
	self := uint64(etcd.MemberID())
	again := time.NewTicker(leadAgain)
	defer again.Stop()
	for etcd.Lead() == raft.None {
		_ = etcd.Process(ctx, &raftpb.Message{Type: raftpb.MsgTimeoutNow.Enum(), From: &self, To: &self}) // or it waits after all
		select {
		case <-again.C:
		case <-etcd.StopNotify():
			return
		case <-ctx.Done():
			return
		}
	}
}

// stop lets requests in progress end, but not watches, which never do.
func stop(server *grpc.Server) {
	defer time.AfterFunc(registryGrace, server.Stop).Stop()
	server.GracefulStop()
}
