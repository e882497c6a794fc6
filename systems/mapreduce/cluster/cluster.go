// Package cluster starts a master and its workers as processes and follows one
// job to its end.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"dyno/internal/rpc"
	mapreducev1 "dyno/proto/mapreduce/v1"
	"dyno/systems"
	"dyno/systems/mapreduce/config"
	"dyno/systems/mapreduce/worker"
)

// ErrNoWorkers ends a run whose workers are all gone. Lost workers are not
// replaced: what ended all of them is likely to end their successors, and
// whoever started the run can see to it and resume.
var ErrNoWorkers = errors.New("no worker is left")

// Cluster is a master and its workers as processes.
type Cluster struct {
	Bench   systems.Bench
	Config  *config.Config
	Workers int
	Prefix  string // of the names of its processes
	Ledger  bool   // workers write ledgers, see [cluster.ledgers]

	ctx    context.Context // of the watch; it ends when no worker is left
	cancel context.CancelCauseFunc
	news   grpc.ServerStreamingClient[mapreducev1.WatchJobResponse]
	first  *mapreducev1.WatchJobResponse // of news

	mu     sync.Mutex
	master systems.Process
	Procs  []systems.Process // workers, by number
	left   int               // workers that have not ended
	none   chan struct{}     // closed when left becomes 0
}

// ErrMasterLost is a master that ended in the middle of the job.
var ErrMasterLost = errors.New("the master is gone")

// newsPatience is how long the master's last word may take after the last
// worker has ended.
const newsPatience = time.Second

// Run starts everything, shows how far the job is, and returns its summary.
func (c *Cluster) Run(ctx context.Context, show func(*mapreducev1.Status)) (*mapreducev1.Summary, error) {
	if err := c.Start(ctx); err != nil {
		return nil, err
	}
	return c.Watch(show)
}

// Start starts master and workers, all at once: workers look for their master, which
// waits for the watch when a short job is over before that has begun. Where the job
// is measured workers come together, once the master is there, as they do where
// they are another program.
func (c *Cluster) Start(ctx context.Context) (err error) {
	c.none = make(chan struct{})
	addr, err := c.Bench.Address(ctx, "master", c.Prefix+"master")
	if err != nil {
		return err
	}
	c.ctx, c.cancel = context.WithCancelCause(ctx)
	defer func() {
		if err != nil {
			c.cancel(err)
		}
	}()
	c.mu.Lock() // who looks at the processes does so from before
	c.Procs, c.left = make([]systems.Process, c.Workers), c.Workers
	c.mu.Unlock()
	runs, errs := c.Config.Layout().Runs(), make([]error, c.Workers)
	var all sync.WaitGroup
	work := func() {
		for i := range c.Workers {
			all.Go(func() { errs[i] = c.startWorker(ctx, i, addr, runs) })
		}
	}
	together := c.Ledger || c.Bench.Setting().Stands(worker.RoleName)
	if !together {
		work()
	}
	if err = c.startMaster(ctx, addr); err != nil {
		all.Wait()
		return firstCause(err)
	}
	if together {
		if err = os.MkdirAll(runs, 0o777); err == nil {
			work()
		}
	}
	err = errors.Join(err, c.listen())
	all.Wait()
	return errors.Join(err, errors.Join(errs...))
}

func (c *Cluster) startMaster(ctx context.Context, addr string) error {
	args := append([]string{"--listen", addr, "--watched"}, c.Config.CommandLine()...)
	if c.told() {
		args = append([]string{"--ledger"}, args...)
	}
	p, err := c.Bench.Start(ctx, systems.Launch{Role: "master", Name: c.Prefix + "master", Args: args, Expendable: true})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.master = p
	return err
}

// told says that the master writes a ledger: another program's workers write none.
func (c *Cluster) told() bool { return c.Ledger && c.Bench.Setting().Stands(worker.RoleName) }

func (c *Cluster) startWorker(ctx context.Context, i int, addr, runs string) error {
	name := "w" + strconv.Itoa(i+1)
	p, err := c.Bench.Start(ctx,
		systems.Launch{Role: worker.RoleName, Name: c.Prefix + name, Expendable: true, Args: append(c.Config.Knobs.Args(config.RoleKnobs...),
			"--master", addr, "--dir", runs, "--name", name, fmt.Sprintf("--ledger=%t", c.Ledger),
		)})
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Procs[i] = p
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

// listen connects to the master, and returns when it has answered.
func (c *Cluster) listen() error {
	conn, err := rpc.Dial(c.master.Addr())
	if err != nil {
		return err
	}
	context.AfterFunc(c.ctx, func() { _ = conn.Close() })
	c.news, err = mapreducev1.NewMasterServiceClient(conn).WatchJob(c.ctx, &mapreducev1.WatchJobRequest{}, grpc.WaitForReady(false))
	if err == nil {
		c.first, err = c.news.Recv()
	}
	if err != nil {
		return c.lost(err)
	}
	return nil
}

// Watch follows the master until the job is over.
func (c *Cluster) Watch(show func(*mapreducev1.Status)) (*mapreducev1.Summary, error) {
	defer c.cancel(nil)
	go func() {
		select {
		case <-c.none:
			// The last worker may have ended because the job is over: the
			// master's word, which is on its way then, counts.
			select {
			case <-time.After(newsPatience):
				c.cancel(ErrNoWorkers)
			case <-c.ctx.Done():
			}
		case <-c.ctx.Done():
		}
	}()
	var err error
	for r := c.first; err == nil; r, err = c.news.Recv() {
		show(r.GetStatus())
		if s := r.GetSummary(); s != nil {
			return s, nil
		}
	}
	return nil, c.lost(err)
}

// lost says what it means that the master's news have ended.
func (c *Cluster) lost(err error) error {
	if c.ctx.Err() != nil {
		return context.Cause(c.ctx) // perhaps [ErrNoWorkers]
	}
	return fmt.Errorf("%w (%s)", ErrMasterLost, strings.TrimSpace(status.Convert(err).Message()))
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

// Processes are those of the job that were started so far.
func (c *Cluster) Processes() (list []systems.Process) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range append([]systems.Process{c.master}, c.Procs...) {
		if p != nil {
			list = append(list, p)
		}
	}
	return list
}

// stopTimeout bounds the end of the processes of a job that is over.
const stopTimeout = 5 * time.Second

// Stop ends what is left of the job: all of it at once.
func (c *Cluster) Stop() {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	_ = systems.StopAll(ctx, c.Processes()...) // how they end was their affair: they are expendable
}

// Told is what the master of a job that is over has written of it; nothing, unless
// another program stands in for the workers.
func (c *Cluster) Told(ctx context.Context) []byte {
	if !c.told() {
		return nil
	}
	text, _ := c.master.Wait(ctx) // how it ended is known by now
	return text
}

// Ledgers are what the workers of a job that is over have written, by number.
func (c *Cluster) Ledgers(ctx context.Context) (texts [][]byte) {
	for _, p := range c.Procs {
		text, _ := p.Wait(ctx) // how it ended was its own affair; what it wrote until then counts
		texts = append(texts, text)
	}
	return texts
}
