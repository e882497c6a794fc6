package command

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"

	"dyno/systems"
	"dyno/systems/strife/core/money"
	"dyno/systems/strife/core/outbox"
	"dyno/systems/strife/wallet"
)

// Statuses of a payment that are no outcome.
const (
	statusQueued  = "queued"
	statusUnknown = "unknown"
)

// exitCodes are those of a payment's status; see the README.
var exitCodes = map[string]int{
	string(outbox.Paid): 0, string(outbox.Refused): 1, string(outbox.Declined): 3, string(outbox.Cancelled): 3,
	statusQueued: 4, string(outbox.Aborted): 5, statusUnknown: 5,
}

// report is what became of a payment, as scripts read it.
type report struct {
	Status   string `json:"status"`
	Key      string `json:"key"`
	Payment  string `json:"payment"` // empty: there is none
	To       string `json:"to,omitempty"`
	Amount   string `json:"amount,omitempty"`
	Replayed bool   `json:"replayed"`
	Reason   string `json:"reason"` // empty: it is paid
}

func reportOf(p outbox.Payment, r outbox.Result) report {
	return report{
		Status: string(r.Outcome), Key: p.Key, Payment: r.Payment, To: p.To, Amount: minorText(p.Minor, p.Currency),
		Replayed: r.Replayed, Reason: r.Reason,
	}
}

// exit is the error that makes the command end with the status's code.
func (r report) exit() error {
	if code := exitCodes[r.Status]; code != 0 {
		return &systems.ExitError{Code: code}
	}
	return nil
}

func (r report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s to %s", r.Status, r.Amount, r.To)
	if r.Replayed {
		b.WriteString(", as was answered before")
	}
	if r.Reason != "" {
		fmt.Fprintf(&b, " (%s)", r.Reason)
	}
	fmt.Fprintf(&b, "; key %s", r.Key)
	if r.Payment != "" {
		fmt.Fprintf(&b, ", payment %s", r.Payment)
	}
	if code := exitCodes[r.Status]; code == 5 {
		b.WriteString("; this is not final: pay again with --key, or ask with status")
	}
	return b.String()
}

func (w *who) report(out io.Writer, r report) error { return w.print(out, r, "%s", r) }

// payOptions are the flags of pay.
type payOptions struct {
	*who
	to, amount, key string
	direct          bool
	patience        time.Duration
}

func payCommand() systems.Command {
	return systems.Command{
		Name: "pay", Summary: "pays once, however often it is asked under one key; while the gateway is away the payment waits in a queue",
		Example: "dyno strife pay --dir bank.d --user ada --to beta/2001 --amount 12.50\n" +
			"dyno strife pay --dir bank.d --user ada --to beta/2001 --amount 12.50 --key rent-december --json",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			o := payOptions{who: bind(fs)}
			fs.StringVar(&o.to, "to", "", "`BANK/ACCOUNT` to pay to")
			fs.StringVar(&o.amount, "amount", "", "`AMOUNT` in the currency of the account, such as 12.50")
			fs.StringVar(&o.key, "key", "", "idempotency `KEY`: the same one never pays twice; without it a fresh one is made")
			fs.BoolVar(&o.direct, "no-queue", false, "do not keep the payment while the gateway is away")
			fs.DurationVar(&o.patience, "patience", 5*time.Second, "how long to wait for the end before the payment is left to the queue")
			return o.run
		},
	}
}

// payment reads what the flags say; a malformed one is a usage error.
func payment(s wallet.Session, to, amount, key string) (p outbox.Payment, err error) {
	if _, err := wallet.ParseAccount(to); err != nil {
		return p, systems.Usagef("--to: %w", err)
	}
	c, err := money.ParseCurrency(s.Currency)
	if err != nil {
		return p, fmt.Errorf("the currency of the account is not known: %w", err)
	}
	a, err := money.Parse(amount, c)
	if err == nil && a.Minor <= 0 {
		err = fmt.Errorf("%q is not more than nothing", amount)
	}
	if err != nil {
		return p, systems.Usagef("--amount: %w", err)
	}
	if key == "" {
		key = rand.Text()
	}
	return outbox.Payment{Key: key, From: s.Account, To: to, Minor: a.Minor, Currency: s.Currency}, nil
}

func (o *payOptions) run(ctx context.Context, sh systems.Shell) error {
	conn, err := o.connect()
	if err != nil {
		return err
	}
	defer conn.Close()
	s, err := o.session()
	if err != nil {
		return err
	}
	p, err := payment(s, o.to, o.amount, o.key)
	if err != nil {
		return err
	}
	var r report
	if o.direct {
		r = o.payDirectly(ctx, conn, s, p)
		err = o.report(sh.Out, r)
	} else {
		r, err = o.payByQueue(ctx, sh, conn, p)
	}
	if err != nil {
		return err
	}
	return r.exit()
}

// payDirectly asks once; it may overtake what is in the queue.
func (o *payOptions) payDirectly(ctx context.Context, conn *grpc.ClientConn, s wallet.Session, p outbox.Payment) report {
	ctx, cancel := context.WithTimeout(s.With(ctx), o.patience)
	defer cancel()
	paid, replayed, err := wallet.Pay(ctx, conn, p, 1)
	a := wallet.AnswerOf(paid, replayed, err)
	switch a.Verdict {
	case outbox.Login:
		a.Result.Outcome, a.Result.Reason = outbox.Refused, o.loginNeeded().Error()
	case outbox.Failed:
		a.Result.Outcome = outbox.Aborted
	case outbox.Again:
		a.Result.Outcome = outbox.Forgotten
	}
	return reportOf(p, a.Result)
}

// payByQueue has the payment in the queue before it is sent, so that whatever
// happens to this process it is not lost, nor paid twice.
func (o *payOptions) payByQueue(ctx context.Context, sh systems.Shell, conn *grpc.ClientConn, p outbox.Payment) (r report, err error) {
	shown := make(chan report, 1)
	var once sync.Once
	show := func(r report) {
		once.Do(func() {
			err = o.report(sh.Out, r)
			shown <- r
		})
	}
	opt := o.queue(conn, sh, func(n outbox.Notice) {
		if n.Payment.Key == p.Key {
			show(o.hint(reportOf(n.Payment, n.Result)))
		} else {
			fmt.Fprintln(sh.Err, reportOf(n.Payment, n.Result))
		}
	})
	joining, cancel := context.WithTimeout(ctx, 4*o.patience)
	defer cancel()
	q, err := wallet.Join(joining, opt)
	if err != nil {
		return r, err
	}
	defer func() { _ = q.Close() }() // what is durable is durable
	reply, payErr := q.Pay(ctx, p, o.patience)
	_, owner := q.(*wallet.Queue)
	switch {
	case payErr != nil: // the client that was to send it went away, or this command is interrupted: the key is needed
		show(reportOf(p, outbox.Result{Outcome: statusUnknown, Reason: payErr.Error()}))
	case reply.Rejected != "":
		show(reportOf(p, outbox.Result{Outcome: outbox.Refused, Reason: reply.Rejected}))
	case reply.Queued:
		const when = "it is sent when the gateway is back, by dyno strife client or the next pay"
		show(reportOf(p, outbox.Result{Outcome: statusQueued, Reason: when}))
	case !owner:
		show(o.hint(reportOf(p, *reply.Result)))
	}
	return <-shown, err
}

// hint says what to do about a missing session.
func (o *payOptions) hint(r report) report {
	if r.Status == string(outbox.Refused) && r.Reason == outbox.NoSession {
		r.Reason = o.loginNeeded().Error()
	}
	return r
}

// queue says how this process works with the user's queue.
func (w *who) queue(conn *grpc.ClientConn, sh systems.Shell, notify func(outbox.Notice)) wallet.Options {
	home := w.home()
	return wallet.Options{
		Dir: home, User: w.user, Gateway: &wallet.Sender{ClientConn: conn, Home: home}, Notify: notify,
		Login: func(ctx context.Context) {
			old, _ := wallet.ReadSession(home)
			fmt.Fprintf(sh.Err, "the queue waits: %v\n", w.loginNeeded())
			wallet.AwaitSession(ctx, home, old)
		},
	}
}
