package mapreduce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"dyno/internal/rpc"
	mapreducev1 "dyno/proto/mapreduce/v1"
	"dyno/systems"
)

// runOptions are the flags of the command run.
type runOptions struct {
	spec    spec
	workers int
	json    bool
}

const maxWorkers = 100

func runCommand() systems.Command {
	return systems.Command{
		Name:    "run",
		Args:    "JOB FILE...",
		Summary: "a master and workers as processes of their own: one job, from files to mr-out-0, mr-out-1 …",
		Example: "dyno mapreduce run wordcount --reduces 4 --out counts book.txt\n" +
			"dyno mapreduce run invertedindex --reduces 2 --workers 3 --out index README.md CONTRIBUTING.md\n" +
			"dyno mapreduce run grep --pattern '^func ' --out funcs cmd/dyno/main.go",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			o := &runOptions{}
			o.spec.declare(fs)
			fs.IntVar(&o.workers, "workers", runtime.NumCPU(), "how many worker processes")
			fs.BoolVar(&o.json, "json", false, "print the summary as JSON")
			return o.run
		},
	}
}

// errNoWorkers ends a run whose workers are all gone. Lost workers are not
// replaced: what ended all of them is likely to end their successors, and
// whoever started the run can see to it and resume.
var errNoWorkers = errors.New("no worker is left")

func (o *runOptions) run(ctx context.Context, sh systems.Shell) (err error) {
	if o.workers < 1 || o.workers > maxWorkers {
		return systems.Usagef("--workers %d: want 1 to %d", o.workers, maxWorkers)
	}
	if err := o.spec.check(sh.Args); err != nil {
		return err
	}
	l := o.spec.layout()
	before := l.look()
	bctx, b, closeBench, err := sh.Bench(ctx, systems.Setting{Seed: 1})
	if err != nil {
		return err
	}
	view := newProgress(sh)
	c := &cluster{bench: b, spec: &o.spec, workers: o.workers, wrong: nothingWrong}
	summary, err := c.run(bctx, view.show)
	view.end()
	resumable := errors.Is(err, errMasterLost) || errors.Is(err, errNoWorkers)
	err = errors.Join(err, closeBench()) // whoever is still there by now is asked to leave
	if resumable {
		return fmt.Errorf("%w; what is finished stays in %s: the same command with --resume goes on", err, l.scratch())
	}
	if !o.spec.keep && (summary != nil || !before.scratch) {
		err = errors.Join(err, l.restore(before))
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	if summary.GetFailure() != "" {
		return errors.New("the job failed: " + summary.GetFailure())
	}
	return o.print(sh, summary)
}

// print shows how the job went.
func (o *runOptions) print(sh systems.Shell, s *mapreducev1.Summary) error {
	if !o.json {
		return printSummary(sh.Out, &o.spec, s)
	}
	e := json.NewEncoder(sh.Out)
	e.SetIndent("", "  ")
	return e.Encode(newReport(&o.spec, s))
}

// cluster is a master and its workers as processes.
type cluster struct {
	bench   systems.Bench
	spec    *spec
	workers int
	prefix  string // of the names of its processes
	wrong   wrong
	witness *witness // of a trial

	mu     sync.Mutex
	master systems.Process
	procs  []systems.Process // workers, by number
	left   int               // workers that have not ended
	none   chan struct{}     // closed when left becomes 0
}

// errMasterLost is a master that ended in the middle of the job.
var errMasterLost = errors.New("the master is gone")

// newsPatience is how long the master's last word may take after the last
// worker has ended.
const newsPatience = time.Second

// run starts everything, shows how far the job is, and returns its summary.
func (c *cluster) run(ctx context.Context, show func(*mapreducev1.Status)) (*mapreducev1.Summary, error) {
	if err := c.start(ctx); err != nil {
		return nil, err
	}
	return c.watch(ctx, show)
}

// start starts the master, and then all workers at once.
func (c *cluster) start(ctx context.Context) (err error) {
	c.none = make(chan struct{})
	if err := c.startMaster(ctx); err != nil {
		return firstCause(err)
	}
	runs, err := c.spec.layout().makeRuns()
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.procs, c.left = make([]systems.Process, c.workers), c.workers
	c.mu.Unlock()
	errs := make([]error, c.workers)
	var all sync.WaitGroup
	for i := range c.workers {
		all.Go(func() { errs[i] = c.startWorker(ctx, i, runs) })
	}
	all.Wait()
	return errors.Join(errs...)
}

func (c *cluster) startMaster(ctx context.Context) error {
	args := append(c.wrong.args(), c.spec.commandLine()...)
	p, err := c.bench.Start(ctx, systems.Launch{Role: "master", Name: c.prefix + "master", Args: args, Expendable: true})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.master = p
	return err
}

func (c *cluster) startWorker(ctx context.Context, i int, runs string) error {
	name := "w" + strconv.Itoa(i+1)
	p, err := c.bench.Start(ctx, systems.Launch{Role: roleWorker, Name: c.prefix + name, Expendable: true, Args: append(c.wrong.args(),
		"--master", c.master.Addr(), "--dir", runs, "--name", name, "--patience", "1s",
		fmt.Sprintf("--ledger=%t", c.witness != nil),
	)})
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.procs[i] = p
	go func() {
		_, _ = p.Wait(ctx) // why it ended is in the log that the bench keeps
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.left--; c.left == 0 {
			close(c.none)
		}
	}()
	return nil
}

// watch follows the master until the job is over.
func (c *cluster) watch(ctx context.Context, show func(*mapreducev1.Status)) (*mapreducev1.Summary, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-c.none:
			// The last worker may have ended because the job is over: the
			// master's word, which is on its way then, counts.
			select {
			case <-time.After(newsPatience):
				cancel(errNoWorkers)
			case <-ctx.Done():
			}
		case <-ctx.Done():
		}
	}()
	summary, err := follow(ctx, c.master.Addr(), show)
	switch {
	case err == nil:
		return summary, nil
	case errors.Is(context.Cause(ctx), errNoWorkers):
		return nil, errNoWorkers
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	}
	return nil, fmt.Errorf("%w (%s)", errMasterLost, strings.TrimSpace(status.Convert(err).Message()))
}

// follow asks a master how far it is until the job is over.
func follow(ctx context.Context, addr string, show func(*mapreducev1.Status)) (*mapreducev1.Summary, error) {
	conn, err := rpc.Dial(addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stream, err := mapreducev1.NewMasterServiceClient(conn).WatchJob(ctx, &mapreducev1.WatchJobRequest{}, grpc.WaitForReady(false))
	if err != nil {
		return nil, err
	}
	for {
		r, err := stream.Recv()
		if err != nil {
			return nil, err
		}
		show(r.GetStatus())
		if s := r.GetSummary(); s != nil {
			return s, nil
		}
	}
}

// firstCause is what a process that could not start said itself, without the
// story around it.
func firstCause(err error) error {
	_, last, found := strings.Cut(err.Error(), "| dyno: ")
	if found && !strings.Contains(last, "\n") {
		return errors.New(last)
	}
	return err
}
