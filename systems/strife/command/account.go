package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
	"google.golang.org/grpc"

	"dyno/internal/rpc"
	strifev1 "dyno/proto/strife/v1"
	"dyno/systems"
	"dyno/systems/strife/wallet"
)

// errPassword is in place of an UNAUTHENTICATED that another login does not help
// against.
var errPassword = errors.New("user or password is wrong")

// password reads one from a file or, without a name, from the terminal. It is
// never an argument: others could read that.
func password(file string, in io.Reader, prompt io.Writer) (string, error) {
	if file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("--password-file: %w", err)
		}
		return strings.TrimRight(string(text), "\r\n"), nil
	}
	f, ok := in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return "", systems.Usagef("--password-file is missing, and there is no terminal to ask for the password")
	}
	fmt.Fprint(prompt, "password: ")
	text, err := term.ReadPassword(int(f.Fd()))
	fmt.Fprintln(prompt)
	return string(text), err
}

func registerCommand() systems.Command {
	return systems.Command{
		Name: "register", Summary: "makes a new user known to the gateway, with an account at a bank",
		Example: "dyno strife register --dir bank.d --user zoe --bank alpha --account 9001 --password-file zoe.password",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			w := bind(fs)
			bank, account := fs.String("bank", "", "`BANK` that holds the account"), fs.String("account", "", "its `NUMBER`")
			file := fs.String("password-file", "", "`FILE` that holds the password; without it the terminal asks")
			return func(ctx context.Context, sh systems.Shell) error {
				if err := w.check(); err != nil {
					return err
				}
				if *bank == "" || *account == "" {
					return systems.Usagef("--bank and --account are missing: name the account that is yours")
				}
				secret, err := password(*file, sh.In, sh.Err)
				if err != nil {
					return err
				}
				if err := w.site().Enrol(w.user); err != nil {
					return err
				}
				return w.register(ctx, sh, secret, &strifev1.Account{Bank: *bank, Number: *account})
			}
		},
	}
}

func (w *who) register(ctx context.Context, sh systems.Shell, secret string, account *strifev1.Account) error {
	conn, err := w.connect()
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err = strifev1.NewGatewayServiceClient(conn).Register(ctx, &strifev1.RegisterRequest{User: w.user, Password: secret, Account: account})
	if err != nil {
		return w.explain(err)
	}
	return w.print(sh.Out, map[string]string{"user": w.user, "bank": account.GetBank(), "account": account.GetNumber()},
		"%s is registered with account %s", w.user, wallet.AccountText(account))
}

func loginCommand() systems.Command {
	return systems.Command{
		Name: "login", Summary: "opens a session for a user",
		Example: "dyno strife login --dir bank.d --user ada --password-file bank.d/passwords/ada",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			w := bind(fs)
			file := fs.String("password-file", "", "`FILE` that holds the password; without it the terminal asks")
			return func(ctx context.Context, sh systems.Shell) error {
				if err := w.check(); err != nil {
					return err
				}
				secret, err := password(*file, sh.In, sh.Err)
				if err != nil {
					return err
				}
				conn, err := w.connect()
				if err != nil {
					return err
				}
				defer conn.Close()
				left, err := w.login(ctx, conn, secret)
				if err != nil {
					return w.explain(err)
				}
				return w.print(sh.Out, map[string]any{"user": w.user, "left_s": left.Seconds()},
					"%s is logged in; the session ends when it is not used for %v", w.user, left)
			}
		},
	}
}

// login opens a session and keeps it, with what the queue must know of the
// account while the gateway is away.
func (w *who) login(ctx context.Context, conn *grpc.ClientConn, secret string) (idle time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	c := strifev1.NewGatewayServiceClient(conn)
	resp, err := c.Login(ctx, &strifev1.LoginRequest{User: w.user, Password: secret})
	if rpc.KindOf(err) == rpc.Unauthenticated {
		return 0, errPassword
	}
	if err != nil {
		return 0, err
	}
	s := wallet.Session{User: w.user, Token: resp.GetToken()}
	ctx = s.With(ctx)
	me, err := c.WhoAmI(ctx, &strifev1.WhoAmIRequest{})
	if err != nil {
		return 0, err
	}
	if s.Account = wallet.AccountText(me.GetAccount()); s.Account != "" {
		if s.Currency, err = w.currency(ctx, c); err != nil {
			return 0, err
		}
	}
	return time.Duration(resp.GetIdleMs()) * time.Millisecond, s.Write(w.home())
}

// currency is that of the user's account. While his bank is away it is what it
// was at the last login.
func (w *who) currency(ctx context.Context, c strifev1.GatewayServiceClient) (string, error) {
	b, err := c.GetBalance(ctx, &strifev1.GetBalanceRequest{})
	if err == nil {
		return b.GetBalance().GetCurrency(), nil
	}
	if old, readErr := wallet.ReadSession(w.home()); readErr == nil && old.Currency != "" {
		return old.Currency, nil
	}
	return "", err
}

func logoutCommand() systems.Command {
	return systems.Command{
		Name: "logout", Summary: "ends a user's session, at the gateway and here",
		Example: "dyno strife logout --dir bank.d --user ada",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			w := bind(fs)
			return func(ctx context.Context, sh systems.Shell) error {
				err := w.call(ctx, func(ctx context.Context, conn *grpc.ClientConn, _ wallet.Session) error {
					_, err := strifev1.NewGatewayServiceClient(conn).Logout(ctx, &strifev1.LogoutRequest{})
					return err
				})
				if err = errors.Join(err, wallet.ForgetSession(w.home())); err != nil {
					return err
				}
				return w.print(sh.Out, map[string]any{"user": w.user}, "%s is logged out", w.user)
			}
		},
	}
}

func whoamiCommand() systems.Command {
	return systems.Command{
		Name: "whoami", Summary: "tells whose session it is",
		Example: "dyno strife whoami --dir bank.d --user ada",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			w := bind(fs)
			return func(ctx context.Context, sh systems.Shell) error {
				return w.call(ctx, func(ctx context.Context, conn *grpc.ClientConn, _ wallet.Session) error {
					me, err := strifev1.NewGatewayServiceClient(conn).WhoAmI(ctx, &strifev1.WhoAmIRequest{})
					if err != nil {
						return err
					}
					left := time.Duration(me.GetLeftMs()) * time.Millisecond
					return w.print(sh.Out, map[string]any{
						"user": me.GetUser(), "role": me.GetRole(), "bank": me.GetAccount().GetBank(), "account": me.GetAccount().GetNumber(),
						"left_s": left.Seconds(),
					}, "%s, %s, account %s; the session has %v left", me.GetUser(), me.GetRole(), wallet.AccountText(me.GetAccount()), left)
				})
			}
		},
	}
}

// lines reads a stream line by line; the channel is closed at its end.
func lines(ctx context.Context, in io.Reader) <-chan string {
	out := make(chan string)
	go func() { // ends with the process if nobody closes its input
		defer close(out)
		s := bufio.NewScanner(in)
		for s.Scan() {
			select {
			case out <- s.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}
