package wallet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"dyno/internal/atomicfile"
	"dyno/internal/backoff"
	"dyno/internal/journal"
	"dyno/systems/strife/core/outbox"
)

// ownerFile names the socket of a queue's owner, beside the journal.
const ownerFile = "owner"

// Payer is a queue, in this process or in another one.
type Payer interface {
	Pay(ctx context.Context, p outbox.Payment, patience time.Duration) (Reply, error)
	Cancel(ctx context.Context, key string) (Reply, error)
	Close() error
}

// Join opens the queue or, while a long-lived client owns it, hands payments to
// that one. It waits while a short command owns it.
func Join(ctx context.Context, opt Options) (Payer, error) {
	q, owner, err := share(ctx, opt)
	switch {
	case err != nil:
		return nil, err
	case owner != nil:
		return owner, nil
	}
	return q, nil
}

// ErrOwned says that a long-lived client owns the queue already.
var ErrOwned = errors.New("a client of this user runs already")

// Own opens the queue for a long-lived client. It waits while a short command
// owns it; the error is [ErrOwned] while another client does.
func Own(ctx context.Context, opt Options) (*Queue, error) {
	q, owner, err := share(ctx, opt)
	if owner != nil {
		err = ErrOwned
	}
	return q, err
}

// share opens the queue, or finds the client that owns it.
func share(ctx context.Context, opt Options) (*Queue, *relay, error) {
	var pause backoff.Backoff
	for {
		q, err := Open(opt)
		if !errors.Is(err, journal.ErrLocked) {
			return q, nil, err
		}
		if r, err := dialOwner(ctx, opt.Dir); err == nil {
			return nil, r, nil
		}
		pause.Wait(ctx, nil)
		if ctx.Err() != nil {
			return nil, nil, fmt.Errorf("queue of %s: another command has it: try again when that is done: %w", opt.User, context.Cause(ctx))
		}
	}
}

// request is what a relay asks of the owner.
type request struct {
	Pay      *outbox.Payment `json:"pay,omitempty"`
	Cancel   string          `json:"cancel,omitempty"` // a key
	Patience time.Duration   `json:"patience,omitempty"`
}

type response struct {
	Reply Reply  `json:"reply"`
	Error string `json:"error,omitempty"`
}

// relay is a queue in another process.
type relay struct{ socket string }

func dialOwner(ctx context.Context, dir string) (*relay, error) {
	text, err := os.ReadFile(filepath.Join(dir, ownerFile))
	if err != nil {
		return nil, err
	}
	r := &relay{socket: strings.TrimSpace(string(text))}
	c, err := new(net.Dialer).DialContext(ctx, "unix", r.socket)
	if err != nil {
		return nil, err
	}
	return r, c.Close()
}

// Pay implements [Payer].
func (r *relay) Pay(ctx context.Context, p outbox.Payment, patience time.Duration) (Reply, error) {
	return r.ask(ctx, request{Pay: &p, Patience: patience})
}

// Cancel implements [Payer].
func (r *relay) Cancel(ctx context.Context, key string) (Reply, error) {
	return r.ask(ctx, request{Cancel: key})
}

// Close implements [Payer].
func (r *relay) Close() error { return nil }

func (r *relay) ask(ctx context.Context, q request) (Reply, error) {
	c, err := new(net.Dialer).DialContext(ctx, "unix", r.socket)
	if err != nil {
		return Reply{}, fmt.Errorf("the running client: %w", err)
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	var answer response
	if err := json.NewEncoder(c).Encode(q); err != nil {
		return Reply{}, fmt.Errorf("the running client: %w", err)
	}
	if err := json.NewDecoder(c).Decode(&answer); err != nil {
		return Reply{}, fmt.Errorf("the running client went away: pay again under the same key: %w", err)
	}
	if answer.Error != "" {
		return Reply{}, errors.New(answer.Error)
	}
	return answer.Reply, nil
}

// Serve takes payments from other commands of the user until the context ends.
// The socket lies in a folder of its own that only he can enter.
func (q *Queue) Serve(ctx context.Context) error {
	private, err := os.MkdirTemp("", "dyno-strife-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(private)
	lis, err := new(net.ListenConfig).Listen(ctx, "unix", filepath.Join(private, "queue"))
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { lis.Close() })()
	owner := filepath.Join(q.opt.Dir, ownerFile)
	if err := atomicfile.Write(owner, []byte(lis.Addr().String()+"\n")); err != nil {
		return errors.Join(err, lis.Close())
	}
	defer os.Remove(owner)
	for {
		c, err := lis.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		q.running.Go(func() { q.answer(c) })
	}
}

// answer serves one request.
func (q *Queue) answer(c net.Conn) {
	defer c.Close()
	ctx, cancel := context.WithTimeout(q.ctx, time.Minute)
	defer cancel()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	var in request
	if err := json.NewDecoder(c).Decode(&in); err != nil {
		return // somebody looked whether we are there
	}
	var out response
	var err error
	if in.Pay != nil {
		out.Reply, err = q.Pay(ctx, *in.Pay, in.Patience)
	} else {
		out.Reply, err = q.Cancel(ctx, in.Cancel)
	}
	if err != nil {
		out.Error = err.Error()
	}
	_ = json.NewEncoder(c).Encode(out) // who asked may be gone; the payment is not
}
