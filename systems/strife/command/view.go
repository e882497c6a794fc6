package command

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"google.golang.org/grpc"

	"dyno/internal/rpc"
	strifev1 "dyno/proto/strife/v1"
	"dyno/systems"
	"dyno/systems/strife/core/outbox"
	"dyno/systems/strife/wallet"
)

// simple makes a command that asks the gateway one thing.
func simple(name, summary string, ask func(*who, context.Context, strifev1.GatewayServiceClient, io.Writer) error) systems.Command {
	return systems.Command{
		Name: name, Summary: summary, Example: "dyno strife " + name + " --dir bank.d --user ada",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			w := bind(fs)
			return func(ctx context.Context, sh systems.Shell) error {
				return w.call(ctx, func(ctx context.Context, conn *grpc.ClientConn, _ wallet.Session) error {
					return ask(w, ctx, strifev1.NewGatewayServiceClient(conn), sh.Out)
				})
			}
		},
	}
}

func balanceCommand() systems.Command {
	return simple("balance", "tells what lies in the user's account", (*who).balance)
}

func historyCommand() systems.Command {
	return simple("history", "lists the user's finished payments, newest first", (*who).history)
}

func (w *who) balance(ctx context.Context, c strifev1.GatewayServiceClient, out io.Writer) error {
	b, err := c.GetBalance(ctx, &strifev1.GetBalanceRequest{})
	if err != nil {
		return err
	}
	posted, available := amountText(b.GetBalance()), amountText(b.GetAvailable())
	return w.print(out, map[string]string{
		"bank": b.GetAccount().GetBank(), "account": b.GetAccount().GetNumber(), "balance": posted, "available": available,
		"currency": b.GetBalance().GetCurrency(),
	}, "%s: balance %s %s, available %s", wallet.AccountText(b.GetAccount()), posted, b.GetBalance().GetCurrency(), available)
}

func (w *who) history(ctx context.Context, c strifev1.GatewayServiceClient, out io.Writer) error {
	resp, err := c.ListPayments(ctx, &strifev1.ListPaymentsRequest{})
	if err != nil {
		return err
	}
	reports := []report{}
	for _, p := range resp.GetPayments() {
		reports = append(reports, reportOfPayment(p))
	}
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "STATUS\tAMOUNT\tTO\tKEY\tPAYMENT\tREASON")
	for _, r := range reports {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", r.Status, r.Amount, r.To, r.Key, r.Payment, r.Reason)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return w.print(out, map[string]any{"payments": reports}, "%s", b.String())
}

// reportOfPayment is how the gateway tells of one.
func reportOfPayment(p *strifev1.Payment) report {
	status := strings.ToLower(strings.TrimPrefix(p.GetStatus().String(), "PAYMENT_STATUS_"))
	return report{
		Status: status, Key: p.GetKey(), Payment: p.GetId(), To: wallet.AccountText(p.GetTo()), Amount: amountText(p.GetAmount()),
		Reason: p.GetReason(),
	}
}

// keyed makes a command about one payment.
func keyed(name, summary string, run func(*who, context.Context, string, systems.Shell) error) systems.Command {
	return systems.Command{
		Name: name, Summary: summary, Example: "dyno strife " + name + " --dir bank.d --user ada --key rent-december",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			w := bind(fs)
			key := fs.String("key", "", "the payment's `KEY`")
			return func(ctx context.Context, sh systems.Shell) error {
				if err := w.check(); err != nil {
					return err
				}
				if *key == "" {
					return systems.Usagef("--key is missing: say which payment; pay has printed it")
				}
				return run(w, ctx, *key, sh)
			}
		},
	}
}

func statusCommand() systems.Command {
	return keyed("status", "tells how a payment stands", (*who).status)
}

func cancelCommand() systems.Command {
	return keyed("cancel", "makes sure that a key is never paid from now on, unless it has been", (*who).cancel)
}

// queued finds a key in the queue that has not ended.
func (w *who) queued(key string) (outbox.Item, bool, error) {
	items, err := wallet.Look(w.home(), w.user)
	for _, i := range items {
		if i.Payment.Key == key && i.State != outbox.Final {
			return i, true, nil
		}
	}
	return outbox.Item{}, false, err
}

func (w *who) status(ctx context.Context, key string, sh systems.Shell) error {
	item, waits, lookErr := w.queued(key)
	var r report
	err := w.call(ctx, func(ctx context.Context, conn *grpc.ClientConn, _ wallet.Session) error {
		resp, err := strifev1.NewGatewayServiceClient(conn).GetPayment(ctx, &strifev1.GetPaymentRequest{Key: key})
		if rpc.KindOf(err) == rpc.NotFound {
			return fmt.Errorf("neither the gateway nor the queue knows key %s", key)
		}
		r = reportOfPayment(resp.GetPayment())
		return err
	})
	if err != nil && waits {
		r, err = reportOf(item.Payment, outbox.Result{Outcome: statusQueued, Reason: err.Error()}), nil
	}
	if err == nil {
		err = lookErr
	}
	if err != nil {
		return err
	}
	return w.report(sh.Out, r)
}

// cancel gives up a payment in the queue, or asks the gateway for any other.
func (w *who) cancel(ctx context.Context, key string, sh systems.Shell) error {
	conn, err := w.connect()
	if err != nil {
		return err
	}
	defer conn.Close()
	item, waits, err := w.queued(key)
	if err != nil {
		return err
	}
	if waits {
		return w.cancelQueued(ctx, conn, item, sh)
	}
	return w.call(ctx, func(ctx context.Context, conn *grpc.ClientConn, _ wallet.Session) error {
		resp, err := strifev1.NewGatewayServiceClient(conn).CancelPayment(ctx, &strifev1.CancelPaymentRequest{Key: key})
		if err != nil {
			return err
		}
		return w.report(sh.Out, reportOfPayment(resp.GetPayment()))
	})
}

func (w *who) cancelQueued(ctx context.Context, conn *grpc.ClientConn, item outbox.Item, sh systems.Shell) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	q, err := wallet.Join(ctx, w.queue(conn, sh, func(outbox.Notice) {}))
	if err != nil {
		return err
	}
	defer func() { _ = q.Close() }()
	reply, err := q.Cancel(ctx, item.Payment.Key)
	switch {
	case err != nil:
		return err
	case reply.Result != nil:
		return w.report(sh.Out, reportOf(item.Payment, *reply.Result))
	}
	return w.report(sh.Out, reportOf(item.Payment, outbox.Result{
		Outcome: statusQueued, Reason: "it was sent before: the gateway is asked to cancel it when it is back",
	}))
}

func queueCommand() systems.Command {
	return systems.Command{
		Name: "queue", Summary: "lists payments that wait for the gateway, or for the user to be told",
		Example: "dyno strife queue --dir bank.d --user ada\ndyno strife queue --dir bank.d --user ada --watch",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			w := bind(fs)
			watch := fs.Bool("watch", false, "show it again whenever it changes, until interrupted")
			return func(ctx context.Context, sh systems.Shell) error {
				if err := w.check(); err != nil {
					return err
				}
				if !*watch {
					return w.showQueue(sh.Out, nil)
				}
				return w.watchQueue(ctx, sh.Out)
			}
		},
	}
}

// watchEvery is how often a watched queue is looked at.
const watchEvery = 200 * time.Millisecond

func (w *who) watchQueue(ctx context.Context, out io.Writer) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for last := "none"; ; {
		if err := w.showQueue(out, &last); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// showQueue lists the queue, unless it is as it was last.
func (w *who) showQueue(out io.Writer, last *string) error {
	items, err := wallet.Look(w.home(), w.user)
	if err != nil {
		return err
	}
	type row struct {
		Key    string  `json:"key"`
		State  string  `json:"state"`
		To     string  `json:"to"`
		Amount string  `json:"amount"`
		AgeS   float64 `json:"age_s"`
	}
	rows := []row{}
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%d in the queue of %s\nSTATE\tAMOUNT\tTO\tKEY\n", len(items), w.user)
	for _, i := range items {
		p := i.Payment
		age := time.Duration(time.Now().UnixNano()) - i.Since
		rows = append(rows, row{p.Key, string(i.State), p.To, minorText(p.Minor, p.Currency), age.Seconds()})
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", i.State, minorText(p.Minor, p.Currency), p.To, p.Key)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if last != nil {
		if *last == b.String() {
			return nil
		}
		*last = b.String()
	}
	return w.print(out, map[string]any{"queue": rows}, "%s", b.String())
}
