// Package wallet is a user's side of strife: the session, and the offline queue
// on disk that all commands of one user share.
//
// One process at a time owns the queue: it holds the lock of the journal. A
// command that comes while a long-lived client owns it hands its payment to the
// client, through a local socket whose address the client has left beside the
// journal ([Join]); while a short command owns it, the next one waits. So there
// is one order of payments, whoever asks.
package wallet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"google.golang.org/grpc/connectivity"

	"dyno/internal/journal"
	"dyno/internal/node/host"
	"dyno/systems/strife/core/outbox"
)

// Gateway is how payments reach the gateway. Attempt must return soon after its
// context ends; the other methods are those of a grpc.ClientConn.
type Gateway interface {
	Attempt(context.Context, outbox.Attempt) outbox.Answer
	GetState() connectivity.State
	Connect()
	WaitForStateChange(context.Context, connectivity.State) bool
}

// Options are what a queue needs. All but Limits are required.
type Options struct {
	Dir     string // of the user
	User    string
	Gateway Gateway

	// Notify tells the user how a payment ended. Once it has returned he is taken
	// for told.
	Notify func(outbox.Notice)

	// Login tells the user that a login is needed, and returns once there is a new
	// session, or the context has ended.
	Login func(context.Context)
}

// Queue is a user's offline queue, in the hands of its owner.
type Queue struct {
	opt     Options
	core    *outbox.Outbox
	host    *host.Host[outbox.Input, outbox.Output]
	ends    host.Waiters[string, outbox.Output] // for a Notice, or a Rejected
	replies host.Waiters[string, outbox.Output] // for these, or that a payment is kept
	notices chan outbox.Notice
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
}

const (
	journalDir   = "queue"
	segment      = 64 << 10
	maxRecord    = 4 << 10
	compactEvery = 2000 // records
	mostNotices  = 4096 // waiting to be shown; what is beyond is told by the next owner
)

func journalOptions(user string) journal.Options {
	return journal.Options{Identity: "strife queue of " + user, Segment: segment, MaxRecord: maxRecord}
}

// Open makes this process the owner of the queue. The error is
// [journal.ErrLocked] while another one is.
func Open(opt Options) (*Queue, error) {
	dir := filepath.Join(opt.Dir, journalDir)
	if err := os.MkdirAll(opt.Dir, 0o700); err != nil {
		return nil, err
	}
	now := time.Now()
	limits := outbox.Config{Seed: uint64(now.UnixNano()), Origin: time.Duration(now.UnixNano())}
	q := &Queue{opt: opt, core: outbox.New(limits), notices: make(chan outbox.Notice, mostNotices)}
	q.ctx, q.cancel = context.WithCancel(context.Background())
	h, recovery, err := host.Open(q.core, host.Options[outbox.Output]{
		Dir: dir, Journal: journalOptions(opt.User), Send: q.carryOut, Compact: compactEvery,
	})
	if err != nil {
		q.cancel()
		return nil, fmt.Errorf("queue of %s: %w", opt.User, err)
	}
	_ = recovery // a torn tail was never told as queued
	q.host = h
	q.running.Go(q.tell)
	q.running.Go(q.watch)
	return q, nil
}

// Close leaves the queue to others.
func (q *Queue) Close() error {
	q.cancel()
	q.running.Wait()
	return q.host.Close()
}

// carryOut does what the core wants. The host waits for it.
func (q *Queue) carryOut(out outbox.Output) {
	switch out := out.(type) {
	case outbox.Attempt:
		q.running.Go(func() { q.step(q.attempt(out)) })
	case outbox.Notice:
		q.ends.Tell(out.Payment.Key, out)
		q.replies.Tell(out.Payment.Key, out)
		select {
		case q.notices <- out:
		default:
		}
	case outbox.Rejected:
		q.ends.Tell(out.Key, out)
		q.replies.Tell(out.Key, out)
	case outbox.Accepted:
		if out.Kept {
			q.replies.Tell(out.Key, out)
		}
	case outbox.LoginNeeded:
		q.running.Go(func() {
			q.opt.Login(q.ctx)
			q.step(outbox.LoggedIn{})
		})
	}
}

// step tells the core. When the journal has failed, [Queue.Failed] says so.
func (q *Queue) step(in outbox.Input) { _ = q.host.Step(in) }

func (q *Queue) attempt(a outbox.Attempt) outbox.Answer {
	answer := q.opt.Gateway.Attempt(q.ctx, a)
	answer.Key, answer.Number = a.Payment.Key, a.Number
	return answer
}

// tell shows notices, one at a time.
func (q *Queue) tell() {
	for {
		select {
		case n := <-q.notices:
			q.opt.Notify(n)
			q.step(outbox.Told{ID: n.ID})
		case <-q.ctx.Done():
			return
		}
	}
}

// watch tells the core whether the gateway can be reached, and has gRPC connect
// when it does not by itself.
func (q *Queue) watch() {
	g := q.opt.Gateway
	for {
		s := g.GetState()
		q.step(outbox.Online{Up: s == connectivity.Ready})
		if s == connectivity.Idle {
			g.Connect()
		}
		if !g.WaitForStateChange(q.ctx, s) {
			return
		}
	}
}

// Failed is closed when the journal has failed; [Queue.Err] says why.
func (q *Queue) Failed() <-chan struct{} { return q.host.Failed() }

// Err says why nothing can be queued any more; nil while it can.
func (q *Queue) Err() error { return q.host.Err() }

// Reply says what became of a payment, as far as it is known.
type Reply struct {
	Result   *outbox.Result `json:"result,omitempty"` // its end
	Queued   bool           `json:"queued,omitempty"` // it stays in the queue until its end
	Rejected string         `json:"rejected,omitempty"`
}

func replyOf(out outbox.Output) Reply {
	switch out := out.(type) {
	case outbox.Notice:
		return Reply{Result: &out.Result}
	case outbox.Rejected:
		return Reply{Rejected: out.Reason}
	}
	return Reply{Queued: true}
}

// Pay queues a payment and waits for its end: for as long as patience says, and
// no longer than the gateway can be reached. After that the payment stays in the
// queue.
func (q *Queue) Pay(ctx context.Context, p outbox.Payment, patience time.Duration) (Reply, error) {
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	go q.untilUnreachable(waiting, cancel)
	out, err := q.ends.Await(waiting, p.Key, func() error { return q.host.Step(outbox.Enqueue{Payment: p, Once: true}) })
	if err == nil {
		return replyOf(out), nil
	}
	if waiting.Err() == nil || ctx.Err() != nil {
		return Reply{}, err
	}
	return q.Keep(ctx, p)
}

// Keep queues a payment until its end, and waits for no more than that.
func (q *Queue) Keep(ctx context.Context, p outbox.Payment) (Reply, error) {
	return q.ask(ctx, p.Key, outbox.Enqueue{Payment: p})
}

// Cancel gives a payment up that is in the queue.
func (q *Queue) Cancel(ctx context.Context, key string) (Reply, error) {
	return q.ask(ctx, key, outbox.Cancel{Key: key})
}

func (q *Queue) ask(ctx context.Context, key string, in outbox.Input) (Reply, error) {
	out, err := q.replies.Await(ctx, key, func() error { return q.host.Step(in) })
	if err != nil {
		return Reply{}, err
	}
	return replyOf(out), nil
}

func (q *Queue) untilUnreachable(ctx context.Context, cancel context.CancelFunc) {
	g := q.opt.Gateway
	for s := g.GetState(); s != connectivity.TransientFailure; s = g.GetState() {
		if !g.WaitForStateChange(ctx, s) {
			return
		}
	}
	cancel()
}

// Items lists what is in the queue.
func (q *Queue) Items() (items []outbox.Item) {
	q.host.View(func(time.Duration) { items = q.core.Items() })
	return items
}

// Look lists what is in a user's queue, whoever owns it.
func Look(dir, user string) ([]outbox.Item, error) {
	dir = filepath.Join(dir, journalDir)
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	core := outbox.New(outbox.Config{})
	_, err := journal.Scan(dir, journalOptions(user), func(e journal.Entry) error {
		if e.Snapshot == nil {
			return core.Recover(e.Data)
		}
		snapshot, err := io.ReadAll(e.Snapshot)
		if err != nil {
			return err
		}
		return core.Restore(e.Sequence, snapshot)
	})
	if err != nil {
		return nil, fmt.Errorf("queue of %s: %w", user, err)
	}
	return core.Items(), nil
}
