// Package command is what a person types: a user's commands, and an admin's.
package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"dyno/internal/rpc"
	strifev1 "dyno/proto/strife/v1"
	"dyno/systems"
	"dyno/systems/strife/core/money"
	"dyno/systems/strife/security"
	"dyno/systems/strife/site"
	"dyno/systems/strife/wallet"
)

// All are the commands of this package.
func All() []systems.Command {
	return []systems.Command{
		registerCommand(), loginCommand(), logoutCommand(), payCommand(), clientCommand(), balanceCommand(), historyCommand(),
		statusCommand(), cancelCommand(), queueCommand(), whoamiCommand(), adminCommand(), verifyCommand(),
	}
}

// callTimeout bounds a call that moves no money.
const callTimeout = 10 * time.Second

// who are the flags that every command has.
type who struct {
	dir, user string
	json      bool
}

func bind(fs systems.FlagSet) *who {
	w := &who{}
	fs.StringVar(&w.dir, "dir", "", "`DIR` of the deployment, as given to init")
	fs.StringVar(&w.user, "user", "", "`USER` who asks")
	fs.BoolVar(&w.json, "json", false, "print JSON")
	return w
}

func (w *who) check() error {
	switch {
	case w.dir == "":
		return systems.Usagef("--dir is missing: give the folder that dyno strife init has made")
	case w.user == "":
		return systems.Usagef("--user is missing: say who asks")
	}
	if i, err := os.Stat(w.dir); err != nil || !i.IsDir() {
		return systems.Usagef("--dir %s: there is no such folder: dyno strife init --dir %s makes one", w.dir, w.dir)
	}
	return nil
}

func (w *who) site() site.Dir { return site.Dir(w.dir) }

func (w *who) home() string { return w.site().Client(w.user) }

// connect makes a connection with the user's certificate.
func (w *who) connect() (*grpc.ClientConn, error) {
	if err := w.check(); err != nil {
		return nil, err
	}
	me := security.Party{Role: security.Client, Name: w.user}
	conn, err := w.site().Dialer(me, "").Dial(security.TheGateway)
	if err != nil {
		return nil, fmt.Errorf("%w: is %s registered? dyno strife register --dir %s --user %s …", err, w.user, w.dir, w.user)
	}
	return conn, nil
}

// session is that of the user's last login.
func (w *who) session() (wallet.Session, error) {
	s, err := wallet.ReadSession(w.home())
	if err != nil {
		return s, w.loginNeeded()
	}
	return s, nil
}

func (w *who) loginNeeded() error {
	return fmt.Errorf("%w: dyno strife login --dir %s --user %s", wallet.ErrLogin, w.dir, w.user)
}

// call makes a connection and runs f with the session in the context.
func (w *who) call(ctx context.Context, f func(context.Context, *grpc.ClientConn, wallet.Session) error) error {
	conn, err := w.connect()
	if err != nil {
		return err
	}
	defer conn.Close()
	s, err := w.session()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(s.With(ctx), callTimeout)
	defer cancel()
	return w.explain(f(ctx, conn, s))
}

// explain says what to do about an error of a call.
func (w *who) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case rpc.KindOf(err) == rpc.Unauthenticated:
		return fmt.Errorf("%w (%s)", w.loginNeeded(), wallet.Reason(err))
	case rpc.KindOf(err) == rpc.Refused && rpc.RetryAfterOf(err) > 0:
		return fmt.Errorf("%s: try again in %v", wallet.Reason(err), rpc.RetryAfterOf(err).Round(time.Millisecond))
	case rpc.KindOf(err) != rpc.None:
		return errors.New(wallet.Reason(err))
	}
	if c := status.Code(err); c == codes.Unavailable || c == codes.DeadlineExceeded {
		return fmt.Errorf("the gateway cannot be reached (%s): is it running? dyno strife up --dir %s, or dyno strife gateway --dir %s",
			wallet.Reason(err), w.dir, w.dir)
	}
	return err
}

// print prints JSON, or text for people.
func (w *who) print(out io.Writer, v any, text string, args ...any) error {
	if w.json {
		return json.NewEncoder(out).Encode(v)
	}
	_, err := fmt.Fprintln(out, strings.TrimRight(fmt.Sprintf(text, args...), "\n"))
	return err
}

// amountText is decimal text, such as 12.50.
func amountText(m *strifev1.Money) string { return minorText(m.GetMinor(), m.GetCurrency()) }

func minorText(minor int64, currency string) string {
	c, err := money.ParseCurrency(currency)
	if err != nil { // of a payment of which only the key is known
		return ""
	}
	return money.Amount{Minor: minor, Currency: c}.Text()
}
