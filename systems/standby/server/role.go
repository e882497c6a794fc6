package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"time"

	"google.golang.org/grpc"

	"dyno/internal/atomicfile"
	"dyno/internal/rpc"
	standbyv1 "dyno/proto/standby/v1"
	"dyno/systems"
	"dyno/systems/standby/config"
	"dyno/systems/standby/core"
)

// Bounds of a lease.
const (
	minLease = 20 * time.Millisecond
	maxLease = time.Minute
)

// streamWorkers are goroutines that handle one call after the other: one that is
// made for a call grows its stack anew each time.
const streamWorkers = 128

// gcPercent spares a server whose heap is small and whose calls are many most of
// its collections, for some tens of MB.
const gcPercent = 400

// Ways to acknowledge.
const (
	Sync  = "sync"
	Async = "async"
)

const soloWarning = "standby: there is no witness: of two servers that cannot reach each other, clients may promote one while the other " +
	"goes on with --alone, and what only one of them has acknowledged is cut when they meet"

// Roles are a server and the witness.
func Roles() []systems.Role {
	return []systems.Role{
		{Serves: true, Probe: standbyv1.AccountService_Status_FullMethodName, Command: systems.Command{
			Name:    "server",
			Summary: "keeps accounts, as primary or as standby",
			Example: "dyno standby server --name s1 --config serverhost.config --accounts accounts-s1.txt\n" +
				"dyno standby server --name s2 --config serverhost.config --accounts accounts-s2.txt --replicate async --lease 150ms",
			Setup: setupServer,
		}},
		{Serves: true, Command: systems.Command{
			Name:    "witness",
			Summary: "says which of two servers is primary, so that there are never two",
			Example: "dyno standby witness --listen 127.0.0.1:50050 --dir witness",
			Setup:   setupWitness,
		}},
	}
}

// flags are a server's.
type flags struct {
	name, hosts, accounts, listen, replicate, ship string
	lease                                          time.Duration
	alone, resync, inMemory                        bool
	compact                                        uint64
}

func setupServer(fs systems.FlagSet) func(context.Context, systems.Shell) error {
	f := &flags{}
	fs.StringVar(&f.name, "name", "", "s1 or s2: which server of --config this is; without it s1 is this one, as in the original hand-out")
	fs.StringVar(&f.hosts, "config", config.DefaultFile, "`FILE` with the servers' addresses, such as "+config.HostsExample)
	fs.StringVar(&f.accounts, "accounts", "", "`FILE` of accounts, such as "+config.AccountsExample+"; a journal is kept beside it")
	fs.StringVar(&f.listen, "listen", "", "HOST:PORT to serve on; without it the address in --config")
	fs.StringVar(&f.replicate, "replicate", Sync, "sync: acknowledge what the standby has on its disk, too; async: do not wait for it")
	fs.DurationVar(&f.lease, "lease", time.Second, "the longest time without a primary, 20ms to 1m; three quarters of it are the lease")
	fs.BoolVar(&f.alone, "alone", false, "without a witness: go on without the other server, which may do the same")
	fs.BoolVar(&f.resync, "resync", false, "take the primary's accounts though this server began with others")
	fs.BoolVar(&f.inMemory, "in-memory", false, "write nothing to disk: a server that ends has forgotten all")
	fs.Uint64Var(&f.compact, "compact", compactAfter, "`RECORDS` of the journal that a snapshot replaces; 0: it keeps all")
	fs.StringVar(&f.ship, "ship", "stream", "how actions are shipped: stream; rpc: each in a call of its own, for comparison")
	return func(ctx context.Context, sh systems.Shell) error {
		c, err := f.config(sh.Log())
		if err != nil {
			return err
		}
		return serve(ctx, sh, c, f.listen)
	}
}

// config checks the flags and reads the files that they name.
func (f *flags) config(log *slog.Logger) (Config, error) {
	if f.accounts == "" {
		return Config{}, systems.Usagef("--accounts is missing: give a file such as %s", config.AccountsExample)
	}
	for flag, choice := range map[string]struct {
		word    string
		allowed systems.Choice
	}{"replicate": {f.replicate, systems.Choice{Sync, Async}}, "ship": {f.ship, systems.Choice{"stream", "rpc"}}} {
		if _, err := choice.allowed.Parse(choice.word); err != nil {
			return Config{}, systems.Usagef("--%s: %w", flag, err)
		}
	}
	if f.lease < minLease || f.lease > maxLease {
		return Config{}, systems.Usagef("--lease %v: give from %v to %v", f.lease, minLease, maxLease)
	}
	hosts, err := config.ReadHosts(f.hosts)
	if err != nil {
		return Config{}, err
	}
	place, err := hosts.Place(f.name)
	if err != nil {
		return Config{}, err
	}
	if f.listen == "" {
		f.listen = place.Self
	}
	accounts, err := readAccounts(f.accounts, f.inMemory)
	if err != nil {
		return Config{}, err
	}
	return Config{
		Config: core.Config{
			Name: place.Name, Accounts: accounts, Async: f.replicate == Async, Lease: f.lease, Witness: hosts.Witness != "",
			Alone: f.alone, First: place.First, Resync: f.resync,
		},
		Peer: place.Peer, Witness: hosts.Witness, Accounts: f.accounts, InMemory: f.inMemory, OneByOne: f.ship == "rpc",
		SaveEvery: 5 * time.Second, Compact: f.compact, Log: log,
	}, nil
}

// serve runs a server until ctx ends or its journal fails.
func serve(ctx context.Context, sh systems.Shell, c Config, listen string) (err error) {
	if c.Witness == "" {
		c.Log.Warn(soloWarning)
	}
	if err := atomicfile.Sweep(c.Accounts); err != nil {
		return err
	}
	debug.SetGCPercent(gcPercent)
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("standby: %w; another server may have the address: give a free one by --listen", err)
	}
	s, err := open(c)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-s.host.Failed():
			cancel(fmt.Errorf("standby: the journal beside %s has failed: %w", c.Accounts, s.host.Err()))
		case <-ctx.Done():
		}
	}()
	err = rpc.Serve(ctx, rpc.Options{
		Listener: fencedListener{listener, &s.fence}, Ready: sh.Ready, BeforeStop: func(context.Context) { s.cancel() },
		Server: []grpc.ServerOption{
			grpc.InitialWindowSize(1 << 20), grpc.InitialConnWindowSize(1 << 20), grpc.NumStreamWorkers(streamWorkers),
		},
	}, s.register)
	cause := context.Cause(ctx)
	cancel(nil)
	if errors.Is(cause, context.Canceled) {
		cause = nil
	}
	return errors.Join(err, cause, s.close())
}

func setupWitness(fs systems.FlagSet) func(context.Context, systems.Shell) error {
	listen := fs.String("listen", "127.0.0.1:0", "HOST:PORT to serve on; port 0 takes a free one")
	dir := fs.String("dir", "standby-witness", "folder in which it remembers what it has granted")
	return func(ctx context.Context, sh systems.Shell) error {
		w, err := openWitness(*dir)
		if err != nil {
			return fmt.Errorf("standby witness: %w", err)
		}
		err = rpc.Serve(ctx, rpc.Options{Listen: *listen, Ready: sh.Ready}, w.register)
		return errors.Join(err, w.host.Close())
	}
}
