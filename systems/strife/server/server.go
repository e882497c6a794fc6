// Package server is what the gateway and the banks have in common beside their
// protocols: certificates, a guard, a log, an audit, an address in run.json, and
// an end when the disk fails.
package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"

	"dyno/internal/journal"
	"dyno/internal/rpc"
	"dyno/systems"
	"dyno/systems/strife/failpoint"
	"dyno/systems/strife/security"
	"dyno/systems/strife/site"
)

// Options are the flags that all servers have.
type Options struct {
	Dir       string
	Listen    string
	Addresses string
	Failpoint string
	Compact   uint64
}

// defaultCompact is as many records as are read back in a second or two.
const (
	defaultCompact = 1 << 20
	minCompact     = 1000
)

// Declare declares the flags.
func (o *Options) Declare(fs systems.FlagSet) {
	fs.StringVar(&o.Dir, "dir", "", "folder that dyno strife init made")
	fs.StringVar(&o.Listen, "listen", "127.0.0.1:0", "HOST:PORT to serve on; port 0 takes a free one")
	fs.StringVar(&o.Addresses, "addresses", "", "file that says where the others are, in place of DIR/run.json")
	fs.StringVar(&o.Failpoint, "failpoint", "", "NAME:COUNT where to die in each life, for tests, as "+failpoint.Variable)
	fs.Uint64Var(&o.Compact, "compact-every", defaultCompact,
		"records of the journal, from 1000, that a snapshot replaces once there are so many, while payments go on")
}

// Check refuses flags that are left out.
func (o *Options) Check() error {
	if o.Dir == "" {
		return systems.Usagef("--dir: name the folder that dyno strife init made")
	}
	if o.Compact < minCompact {
		return systems.Usagef("--compact-every %d: want at least %d", o.Compact, minCompact)
	}
	return nil
}

// Base is a server without its protocol.
type Base struct {
	Dir   site.Dir
	Own   security.Party
	Log   *security.Log
	Audit *security.Audit
	Guard *security.Guard

	options Options
	tls     *tls.Config
}

// Open opens what a server has. It ends the process if the environment names
// an unknown failpoint.
func Open(ctx context.Context, own security.Party, o Options) (*Base, error) {
	if o.Failpoint != "" {
		if err := os.Setenv(failpoint.Variable, o.Failpoint); err != nil {
			return nil, err
		}
	}
	if err := failpoint.Arm(); err != nil {
		return nil, err
	}
	b := &Base{Dir: site.Dir(o.Dir), Own: own, options: o}
	protection, err := b.Dir.Protection()
	if err != nil {
		return nil, err
	}
	if protection != security.None {
		if b.tls, err = security.ServerTLS(b.Dir.Keys(), own); err != nil {
			return nil, fmt.Errorf("%w; dyno strife init --dir %s makes it", err, o.Dir)
		}
	}
	for _, inside := range []string{b.Dir.Journal(own), b.Dir.Log(own)} {
		if err := os.MkdirAll(filepath.Dir(inside), 0o700); err != nil {
			return nil, err
		}
	}
	err = journal.Patiently(ctx, func() (err error) {
		b.Audit, err = security.OpenAudit(b.Dir.Audit(own), b.Identity("audit"))
		return err
	})
	if err != nil {
		return nil, err
	}
	if b.Log = security.NoLog(); protection == security.Full {
		b.Log = security.OpenLog(b.Dir.Log(own))
	}
	b.Guard = security.NewGuard(b.Log)
	b.Guard.Protection = protection
	return b, nil
}

const journalSegment = 2 << 20

// Identity names a journal of the server: another server's is refused.
func (b *Base) Identity(what string) string { return Identity(b.Own, what) }

// Identity names a journal of a party.
func Identity(p security.Party, what string) string { return "strife " + p.String() + " " + what }

// Close closes log and audit.
func (b *Base) Close() error { return errors.Join(b.Audit.Close(), b.Log.Close()) }

// JournalOptions are how the server's protocol keeps its journal.
func (b *Base) JournalOptions() journal.Options {
	return journal.Options{Identity: b.Identity("journal"), Segment: journalSegment, FS: failpoint.Disk()}
}

// Compact is how many records come together before a snapshot replaces them.
func (b *Base) Compact() uint64 { return b.options.Compact }

// Dialer connects the server with others.
func (b *Base) Dialer() site.Dialer { return b.Dir.Dialer(b.Own, b.options.Addresses) }

// Service is a server's protocol.
type Service struct {
	Register func(grpc.ServiceRegistrar)
	Stop     func()            // called once, when it is to end: streams are to return
	Failed   []<-chan struct{} // of journals: the process ends when one is closed
	Err      func() error      // why
	DiskLow  func(low bool)    // called when that changes
}

// Serve serves until the context ends or a journal fails.
func (b *Base) Serve(ctx context.Context, sh systems.Shell, s Service) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, failed := range append(s.Failed, b.Audit.Failed()) {
		go func() {
			select {
			case <-failed:
				cancel()
			case <-ctx.Done():
			}
		}()
	}
	var watching sync.WaitGroup
	watching.Go(func() { paceCollector(ctx) })
	watching.Go(func() { watchDisk(ctx, filepath.Dir(b.Dir.Journal(b.Own)), s.DiskLow) })
	var published error
	err := rpc.Serve(ctx, rpc.Options{
		Listen: b.options.Listen,
		TLS:    b.tls,
		Log:    b.Log.Logger,
		Server: append(b.Guard.Options(), transport()...),
		Ready: func(addr string) {
			if published = b.Dir.Publish(b.Own, addr); published != nil {
				cancel()
				return
			}
			b.Log.Info("serving", "as", b.Own.String(), "addr", addr)
			if b.Guard.Protection != security.Full {
				fmt.Fprintf(sh.Err, "%v is NOT protected (%s): this is for measurements only\n", b.Own, b.Guard.Protection)
			}
			fmt.Fprintf(sh.Err, "%v listens on %s\n", b.Own, addr)
			sh.Ready(addr)
		},
		BeforeStop: func(context.Context) { s.Stop() },
	}, s.Register)
	cancel()
	watching.Wait()
	return errors.Join(published, err, s.Err(), b.Audit.Err())
}

// handlers are goroutines that handle one call after another: a new one for each
// call begins with a small stack, and copies it as it grows.
const handlers = 128

func transport() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.StaticStreamWindowSize(site.Window), grpc.StaticConnWindowSize(site.Window), grpc.NumStreamWorkers(handlers),
	}
}

// TLS is how whoever started a server asks whether it is well: as the server
// itself, whose certificate lies in the folder that the command line names.
func TLS(own func(args []string) security.Party) func(args []string) (*tls.Config, error) {
	return func(args []string) (*tls.Config, error) {
		p, dir := own(args), site.Dir(Flag(args, "dir"))
		if level, err := dir.Protection(); err != nil || level == security.None {
			return nil, err
		}
		return security.ClientTLS(dir.Keys(), p, p)
	}
}

// Flag finds a flag's value on a command line of --name value pairs.
func Flag(args []string, name string) string {
	for i, a := range args {
		if a == "--"+name && i+1 < len(args) {
			return args[i+1]
		}
		if v, ok := strings.CutPrefix(a, "--"+name+"="); ok {
			return v
		}
	}
	return ""
}

// headroom is how much a heap may grow between two collections at least. Go
// collects whenever a heap has doubled, and a server that remembers little doubles
// its own many times a second, which costs payments, the slowest above all.
const headroom = 32 << 20

const headroomEvery = time.Second

// paceCollector keeps the collector to the headroom until the context ends.
func paceCollector(ctx context.Context) {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	tick := time.NewTicker(headroomEvery)
	defer tick.Stop()
	for {
		metrics.Read(sample)
		debug.SetGCPercent(growth(sample[0].Value.Uint64()))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// growth is by how many percent a heap of some size may grow.
func growth(live uint64) int { return int(max(100, headroom*100/max(live, 1<<20))) }

// A server begins nothing new while less than diskReserve is free: what is under
// way must be able to end, and a journal that meets a full disk ends the server.
const (
	diskReserve = 64 << 20
	diskEvery   = time.Second
)

// watchDisk tells when the disk gets low, and when it does not any more.
func watchDisk(ctx context.Context, dir string, tell func(low bool)) {
	tick := time.NewTicker(diskEvery)
	defer tick.Stop()
	for low := false; ; {
		if n, err := free(dir); err == nil && (n < diskReserve) != low {
			low = !low
			tell(low)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
