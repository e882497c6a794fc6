// Package worker is the role worker: it does tasks (package task), one at a time,
// and serves what its map tasks have left.
package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"

	mapreducev1 "dyno/proto/mapreduce/v1"
	"dyno/systems/mapreduce/config"
	"dyno/systems/mapreduce/core/job"
	"dyno/systems/mapreduce/core/task"
	"dyno/systems/mapreduce/ledger"
)

// worker is one worker process.
type worker struct {
	name    string
	lives   int    // streams on which it has said hello
	dir     string // where it leaves runs: an absolute path
	address string // where it serves them
	ledger  *ledger.Writer
	lie     string // what it says falsely on purpose
	mutant  string // what it does wrong
	log     *slog.Logger
}

// workStream is the worker's end of the stream.
type workStream = grpc.BidiStreamingClient[mapreducev1.WorkRequest, mapreducev1.WorkResponse]

// turn is one stream's worth of work.
type turn struct {
	*worker
	job     *mapreducev1.Job
	entry   job.Job
	stream  workStream
	sending sync.Mutex
	running sync.WaitGroup // the task under way and the heart
	space   task.Workspace // of the task under way

	seq     uint64 // of the last question
	current uint64 // attempt under way; mu
	cancel  context.CancelFunc
	mu      sync.Mutex
}

// work joins the job and works until it is over (nil), the stream breaks or
// the context ends.
func (w *worker) work(ctx context.Context, client mapreducev1.MasterServiceClient) (joined bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := client.Work(ctx)
	if err != nil {
		return false, err
	}
	t := &turn{worker: w, stream: stream}
	defer t.running.Wait()
	defer cancel() // before the wait
	name := w.name
	if w.lives++; w.lives > 1 { // a name is never used again: the master may not have noticed yet
		name = fmt.Sprintf("%s.%d", name, w.lives)
	}
	hello := &mapreducev1.Hello{Name: name, Pid: int64(os.Getpid()), Dir: w.dir, Address: w.address, Usage: ledger.OwnUsage(w.lie)}
	w.ledger.Write(ledger.Line{Event: ledger.EventHello})
	if err := t.send(&mapreducev1.WorkRequest{Event: &mapreducev1.WorkRequest_Hello{Hello: hello}}); err != nil {
		return false, err
	}
	first, err := stream.Recv()
	if err != nil {
		return false, err
	}
	w.ledger.Write(ledger.Line{Event: ledger.EventWelcome})
	if err := t.enter(first.GetJob()); err != nil {
		return true, err
	}
	t.running.Go(func() { t.beat(ctx) })
	if err := t.ask(); err != nil {
		return true, err
	}
	for {
		r, err := stream.Recv()
		if err != nil {
			return true, err
		}
		if over := r.GetOver(); over != nil {
			w.ledger.Write(ledger.Line{Event: ledger.EventOver})
			w.log.Debug("the job is over", "failure", over.GetFailure())
			return true, nil
		}
		t.take(ctx, r)
	}
}

// enter prepares the job's functions and the folder for its runs.
func (t *turn) enter(j *mapreducev1.Job) error {
	t.job = j
	if err := os.MkdirAll(t.dir, 0o777); err != nil { // only now: a master with --force clears what is around it
		return err
	}
	for _, e := range job.All {
		if e.Name == j.GetName() {
			t.entry = e
			_, err := e.New(j.GetArgs())
			return err
		}
	}
	return fmt.Errorf("the master runs job %q, which this worker does not know: is it of another version?", j.GetName())
}

// program makes the functions of one task.
func (t *turn) program() (job.Program, error) {
	p, err := t.entry.New(t.job.GetArgs())
	if t.mutant != config.MutantHashed {
		p.Bounds = t.job.GetBounds()
	}
	if err == nil && !t.job.GetCombine() {
		p = p.WithoutCombiner()
	}
	if t.mutant == config.MutantDropped {
		p = dropping(p)
	}
	return p, err
}

// send sends one message; streams take one at a time.
func (t *turn) send(r *mapreducev1.WorkRequest) error {
	t.sending.Lock()
	defer t.sending.Unlock()
	err := t.stream.Send(r)
	if errors.Is(err, io.EOF) { // the stream has ended: Recv says why
		return nil
	}
	return err
}

func (t *turn) ask() error {
	t.mu.Lock()
	t.seq++
	seq := t.seq
	t.mu.Unlock()
	return t.send(&mapreducev1.WorkRequest{Event: &mapreducev1.WorkRequest_Ask{Ask: &mapreducev1.Ask{Seq: seq}}})
}

// beat tells the master now and then that the worker lives.
func (t *turn) beat(ctx context.Context) {
	tick := time.NewTicker(max(time.Duration(t.job.GetBeatNs()), time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			// Recv says what is wrong
			_ = t.send(&mapreducev1.WorkRequest{Event: &mapreducev1.WorkRequest_Beat{Beat: &mapreducev1.Beat{Usage: ledger.OwnUsage(t.lie)}}})
		case <-ctx.Done():
			return
		}
	}
}

// take begins a task, or stops the one under way.
func (t *turn) take(ctx context.Context, r *mapreducev1.WorkResponse) {
	t.ledger.Got("", r)
	switch e := r.GetEvent().(type) {
	case *mapreducev1.WorkResponse_Map:
		t.begin(ctx, e.Map.GetSeq(), e.Map.GetAttempt(), func(ctx context.Context) *mapreducev1.WorkRequest { return t.doMap(ctx, e.Map) })
	case *mapreducev1.WorkResponse_Reduce:
		t.begin(ctx, e.Reduce.GetSeq(), e.Reduce.GetAttempt(),
			func(ctx context.Context) *mapreducev1.WorkRequest { return t.doReduce(ctx, e.Reduce) })
	case *mapreducev1.WorkResponse_Cancel:
		t.mu.Lock()
		if t.current == e.Cancel.GetAttempt() && t.cancel != nil {
			t.cancel()
		}
		t.mu.Unlock()
	}
}

// begin runs a task in the background, reports it and asks for the next. An
// answer to an earlier question is not for us any more.
func (t *turn) begin(ctx context.Context, seq, attempt uint64, do func(context.Context) *mapreducev1.WorkRequest) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if seq != t.seq || t.current != 0 {
		return
	}
	ctx, t.cancel = context.WithCancel(ctx)
	t.current = attempt
	t.running.Go(func() {
		report := do(ctx)
		cancelled := ctx.Err() != nil
		t.mu.Lock()
		t.cancel()
		t.current, t.cancel = 0, nil
		t.mu.Unlock()
		if !cancelled {
			t.ledger.Told(report)
			_ = t.send(report) // Recv says what is wrong
		}
		_ = t.ask()
	})
}
