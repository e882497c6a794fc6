package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
	"google.golang.org/grpc"

	strifev1 "dyno/proto/strife/v1"
	"dyno/systems"
	"dyno/systems/strife/core/outbox"
	"dyno/systems/strife/wallet"
)

const clientHelp = "pay BANK/ACCOUNT AMOUNT [KEY] | balance | history | status KEY | cancel KEY | queue | whoami | quit"

func clientCommand() systems.Command {
	return systems.Command{
		Name: "client", Summary: "a client that stays: takes lines, sends the queue when the gateway is back, and tells how payments ended",
		Example: "dyno strife client --dir bank.d --user ada",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			w := bind(fs)
			return func(ctx context.Context, sh systems.Shell) error {
				conn, err := w.connect()
				if err != nil {
					return err
				}
				defer conn.Close()
				c := &client{who: w, conn: conn, sh: sh}
				return c.run(ctx)
			}
		},
	}
}

// client is a long-lived one.
type client struct {
	*who
	conn  *grpc.ClientConn
	sh    systems.Shell
	queue *wallet.Queue
	mu    sync.Mutex // of what is printed
}

// run takes lines until they end, and then stays: until the queue is empty if
// there was a line, and until it is interrupted if there was none, so that it
// can run in the background.
func (c *client) run(ctx context.Context) (err error) {
	c.queue, err = wallet.Own(ctx, c.who.queue(c.conn, c.sh, func(n outbox.Notice) { c.tell(reportOf(n.Payment, n.Result)) }))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.queue.Close()) }()
	ctx, cancel := context.WithCancel(ctx)
	var serving sync.WaitGroup
	defer serving.Wait()
	defer cancel()
	served := make(chan error, 1)
	serving.Go(func() { served <- c.queue.Serve(ctx) })
	return c.loop(ctx, served)
}

func (c *client) loop(ctx context.Context, served <-chan error) error {
	in, some := lines(ctx, c.sh.In), false
	var drained <-chan time.Time
	for {
		if drained == nil {
			c.prompt()
		}
		select {
		case line, more := <-in:
			if !more {
				in = nil
				if some {
					tick := time.NewTicker(watchEvery)
					defer tick.Stop()
					drained = tick.C
				}
				continue
			}
			some = true
			if strings.TrimSpace(line) == "quit" {
				return nil
			}
			if err := c.line(ctx, strings.Fields(line)); err != nil {
				c.say(map[string]string{"error": err.Error()}, "%v", err)
			}
		case <-drained:
			if len(c.queue.Items()) == 0 {
				return nil
			}
		case <-c.queue.Failed():
			return c.queue.Err()
		case err := <-served:
			return err
		case <-ctx.Done():
			return nil
		}
	}
}

func (c *client) prompt() {
	if f, ok := c.sh.In.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprintf(c.sh.Err, "%s> ", c.user)
	}
}

func (c *client) say(v any, text string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.print(c.sh.Out, v, text, args...) // whoever listened is gone; the queue goes on
}

func (c *client) tell(r report) { c.say(r, "%s", r) }

// line does what a person typed.
func (c *client) line(ctx context.Context, words []string) error {
	if len(words) == 0 {
		return nil
	}
	wants := func(least, most int) bool { return len(words)-1 >= least && len(words)-1 <= most }
	gateway := strifev1.NewGatewayServiceClient(c.conn)
	switch word := words[0]; {
	case word == "pay" && wants(2, 3):
		return c.pay(ctx, append(words[1:], "")[:3])
	case word == "balance" && wants(0, 0):
		return c.ask(ctx, func(ctx context.Context) error { return c.balance(ctx, gateway, locked{c}) })
	case word == "history" && wants(0, 0):
		return c.ask(ctx, func(ctx context.Context) error { return c.history(ctx, gateway, locked{c}) })
	case word == "status" && wants(1, 1):
		return c.status(ctx, words[1], c.sh)
	case word == "cancel" && wants(1, 1):
		return c.cancelKey(ctx, words[1])
	case word == "queue" && wants(0, 0):
		return c.showQueue(locked{c}, nil)
	case word == "whoami" && wants(0, 0):
		return c.ask(ctx, func(ctx context.Context) error {
			me, err := gateway.WhoAmI(ctx, &strifev1.WhoAmIRequest{})
			if err == nil {
				c.say(map[string]string{"user": me.GetUser(), "role": me.GetRole()}, "%s, %s", me.GetUser(), me.GetRole())
			}
			return err
		})
	}
	return fmt.Errorf("%s: want %s", strings.Join(words, " "), clientHelp)
}

// locked writes while nobody else does.
type locked struct{ c *client }

func (l locked) Write(b []byte) (int, error) {
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	return l.c.sh.Out.Write(b)
}

var _ io.Writer = locked{}

func (c *client) ask(ctx context.Context, f func(context.Context) error) error {
	s, err := c.session()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(s.With(ctx), callTimeout)
	defer cancel()
	return c.explain(f(ctx))
}

// pay queues a payment; its end is told when it comes.
func (c *client) pay(ctx context.Context, words []string) error {
	s, err := c.session()
	if err != nil {
		return err
	}
	p, err := payment(s, words[0], words[1], words[2])
	if err != nil {
		return err
	}
	reply, err := c.queue.Keep(ctx, p)
	switch {
	case err != nil:
		return err
	case reply.Rejected != "":
		c.tell(reportOf(p, outbox.Result{Outcome: outbox.Refused, Reason: reply.Rejected}))
	case reply.Queued:
		c.tell(reportOf(p, outbox.Result{Outcome: statusQueued}))
	}
	return nil // of an end, the queue tells
}

// cancelKey gives up a payment in the queue, or asks the gateway for any other.
func (c *client) cancelKey(ctx context.Context, key string) error {
	reply, err := c.queue.Cancel(ctx, key)
	if err != nil || reply.Rejected == "" {
		return err // of an end, the queue tells
	}
	return c.ask(ctx, func(ctx context.Context) error {
		resp, err := strifev1.NewGatewayServiceClient(c.conn).CancelPayment(ctx, &strifev1.CancelPaymentRequest{Key: key})
		if err == nil {
			c.tell(reportOfPayment(resp.GetPayment()))
		}
		return err
	})
}
