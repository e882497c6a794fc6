package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"dyno/internal/backoff"
	"dyno/internal/rpc"
	mapreducev1 "dyno/proto/mapreduce/v1"
	"dyno/systems"
	"dyno/systems/mapreduce/config"
	"dyno/systems/mapreduce/ledger"
)

// workerFlags are those of the role worker.
type workerFlags struct {
	master   string
	reach    *systems.Reach
	dir      string
	name     string
	patience time.Duration
	ledger   bool
	wrong    systems.Values // knobs
}

const (
	defaultPatience = 10 * time.Second
	retryMost       = 100 * time.Millisecond // a master that comes back is not kept waiting
	workerGrace     = 500 * time.Millisecond // for those who fetch runs when the worker ends
)

// RoleName is that of the role.
const RoleName = "worker"

// Role is the role worker.
func Role() systems.Role {
	return systems.Role{Probe: mapreducev1.MasterService_Work_FullMethodName, Command: systems.Command{
		Name:    RoleName,
		Summary: "does the tasks that a master hands out, one at a time, and exits when the job is over",
		Example: "dyno mapreduce worker --master 127.0.0.1:7100",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			f := &workerFlags{}
			fs.StringVar(&f.master, "master", "", "HOST:PORT of the master")
			f.reach = systems.BindReach(fs, "127.0.0.1:0", "HOST:PORT to serve map output on; port 0 takes a free one")
			fs.StringVar(&f.dir, "dir", ".", "folder for map output; it is made if it is not there")
			fs.StringVar(&f.name, "name", "", "what the master is to call it; empty: host and process number")
			fs.DurationVar(&f.patience, "patience", defaultPatience, "how long to look for a master that does not answer")
			fs.BoolVar(&f.ledger, "ledger", false, "write a line of JSON to standard output for whatever it does")
			f.wrong = config.Knobs.Bind(fs, config.RoleKnobs...)
			return f.run
		},
	}}
}

// run serves runs and works until the job is over.
func (f *workerFlags) run(ctx context.Context, sh systems.Shell) error {
	if f.master == "" {
		return systems.Usagef("--master is missing: HOST:PORT as the master printed it")
	}
	if err := cmp.Or(systems.HostPort("--master", f.master), f.reach.Check()); err != nil {
		return err
	}
	dir, err := filepath.Abs(f.dir)
	if err != nil {
		return err
	}
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return systems.Usagef("--dir %s is not a folder", f.dir)
	}
	w := &worker{
		name: f.name, dir: dir, lie: f.wrong.Text(config.KnobLie), mutant: f.wrong.Text(config.KnobMutant),
		log: sh.Log().With("role", "worker"),
	}
	if f.ledger {
		w.ledger = &ledger.Writer{Out: sh.Out}
	}
	if w.name == "" {
		host, _ := os.Hostname() // a name without the host will do
		w.name = fmt.Sprintf("%s-%d", host, os.Getpid())
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var serving sync.WaitGroup
	defer serving.Wait()
	defer cancel(nil) // before the wait
	ready := make(chan string, 1)
	serving.Go(func() {
		err := rpc.Serve(ctx, rpc.Options{
			Listen: f.reach.Listen, Log: w.log, Grace: workerGrace, Ready: func(addr string) { ready <- f.reach.At(addr) },
		}, func(r grpc.ServiceRegistrar) { mapreducev1.RegisterShuffleServiceServer(r, &shuffleServer{dir: dir}) })
		if err != nil {
			cancel(err)
		}
	})
	select {
	case w.address = <-ready:
	case <-ctx.Done():
		return serveError(ctx)
	}
	if err := f.follow(ctx, w); err != nil && ctx.Err() == nil {
		return err
	}
	return serveError(ctx)
}

// serveError is why the context has ended, unless it was asked to.
func serveError(ctx context.Context) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// follow works for the master, and looks for it again when the stream breaks:
// it may come back with --resume.
func (f *workerFlags) follow(ctx context.Context, w *worker) error {
	target := f.master
	conn, err := rpc.Dial(target)
	if err != nil {
		return &systems.UsageError{Err: fmt.Errorf("--master %s: %w", f.master, err)}
	}
	defer conn.Close()
	client := mapreducev1.NewMasterServiceClient(conn)
	retry := backoff.Backoff{Most: retryMost}
	for last := time.Now(); ; {
		joined, err := w.work(ctx, client)
		if joined {
			last = time.Now()
			retry.Reset()
		}
		if err == nil || ctx.Err() != nil {
			return nil
		}
		if !transient(err) || time.Since(last) > f.patience {
			return fmt.Errorf("master %s: %s", f.master, strings.TrimSpace(status.Convert(err).Message()))
		}
		w.log.Info("looking for the master", "master", f.master, "error", err)
		retry.Wait(ctx, nil)
		conn.ResetConnectBackoff()
	}
}

// transient reports an error that another attempt may not meet.
func transient(err error) bool {
	return status.Code(err) == codes.Unavailable || status.Code(err) == codes.Canceled
}
