// Package demo is the command demo: payments, crashes and retries to look at.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"dyno/internal/rpc"
	strifev1 "dyno/proto/strife/v1"
	"dyno/systems"
	"dyno/systems/strife/security"
	"dyno/systems/strife/site"
	"dyno/systems/strife/wallet"
)

// stage is a deployment with what the audience is told.
type stage struct {
	out     io.Writer
	began   time.Time
	bench   systems.Bench
	dir     site.Dir
	made    site.Made
	banks   []systems.Process
	gateway systems.Process
	lives   int // of the gateway
}

// retryAfter is how long a payment waits that came to nothing.
const retryAfter = 20 * time.Millisecond

// callTimeout bounds what the demo itself waits for.
const callTimeout = 10 * time.Second

// say tells the audience, with the time since the begin.
func (s *stage) say(text string, args ...any) {
	fmt.Fprintf(s.out, "%6.2f s  %s\n", time.Since(s.began).Seconds(), fmt.Sprintf(text, args...))
}

// explain tells why.
func (s *stage) explain(text string) {
	for line := range strings.Lines(text) {
		fmt.Fprintf(s.out, "          | %s\n", strings.TrimSpace(line))
	}
}

// raise makes a folder and starts banks and a gateway.
func raise(ctx context.Context, out io.Writer, b systems.Bench, seed uint64) (*stage, error) {
	s := &stage{out: out, began: time.Now(), bench: b}
	path, err := b.Dir("site")
	if err != nil {
		return nil, err
	}
	s.dir = site.Dir(path)
	if s.made, err = s.dir.Init(site.Plan{Banks: 2, Users: 4, Seed: seed, Balance: 10_000}); err != nil {
		return nil, err
	}
	for _, name := range s.made.Banks {
		p, err := b.Start(ctx, systems.Launch{Role: "bank", Name: name, Args: []string{"--dir", path, "--name", name}})
		if err != nil {
			return nil, err
		}
		s.banks = append(s.banks, p)
	}
	return s, s.open(ctx)
}

// open starts a gateway.
func (s *stage) open(ctx context.Context, args ...string) (err error) {
	s.lives++
	s.gateway, err = s.bench.Start(ctx, systems.Launch{
		Role: "gateway", Name: fmt.Sprintf("gateway-%d", s.lives), Args: append([]string{"--dir", string(s.dir)}, args...), Expendable: true,
	})
	return err
}

// reopen stops the gateway and starts another one.
func (s *stage) reopen(ctx context.Context, args ...string) error {
	return errors.Join(s.gateway.Stop(ctx), s.open(ctx, args...))
}

// user is somebody who has logged in.
type user struct {
	site.MadeUser
	conn    *grpc.ClientConn
	client  strifev1.GatewayServiceClient
	session wallet.Session
}

// account is BANK/ACCOUNT.
func (u *user) account() string { return u.Bank + "/" + u.Account }

func (s *stage) login(ctx context.Context, i int) (*user, error) {
	u := &user{MadeUser: s.made.Users[i]}
	secret, err := os.ReadFile(u.PasswordFile)
	if err != nil {
		return nil, err
	}
	u.conn, err = s.dir.Dialer(security.Party{Role: security.Client, Name: u.User}, "").Dial(security.TheGateway)
	if err != nil {
		return nil, err
	}
	u.client = strifev1.NewGatewayServiceClient(u.conn)
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	r, err := u.client.Login(ctx, &strifev1.LoginRequest{User: u.User, Password: strings.TrimSpace(string(secret))}, grpc.WaitForReady(true))
	if err != nil {
		return nil, errors.Join(err, u.conn.Close())
	}
	u.session = wallet.Session{User: u.User, Token: r.GetToken(), Account: u.account(), Currency: u.Currency}
	return u, u.session.Write(s.dir.Client(u.User))
}

// pay asks once, and tells.
func (s *stage) pay(ctx context.Context, u *user, to, key string, minor int64) (status string) {
	ctx, cancel := context.WithTimeout(u.session.With(ctx), callTimeout)
	defer cancel()
	payee, err := wallet.ParseAccount(to)
	if err != nil {
		return err.Error()
	}
	req := &strifev1.PayRequest{Key: key, To: payee, Amount: &strifev1.Money{Minor: minor, Currency: u.Currency}}
	var header metadata.MD
	resp, err := u.client.Pay(ctx, req, grpc.Header(&header), grpc.WaitForReady(true))
	for k := rpc.KindOf(err); (k == rpc.Unavailable || k == rpc.Conflict) && ctx.Err() == nil; k = rpc.KindOf(err) {
		time.Sleep(retryAfter) // a gateway that has just started does not know its banks yet
		resp, err = u.client.Pay(ctx, req, grpc.Header(&header))
	}
	status = "paid as " + resp.GetPayment().GetId()
	if err != nil {
		status = wallet.Reason(err)
	} else if len(header.Get("replayed")) > 0 {
		status = "replayed: " + status
	}
	s.say("%s pays %d.%02d to %s under the key %q: %s", u.User, minor/100, minor%100, to, key, status)
	return status
}

// balance asks for what lies in an account.
func (s *stage) balance(ctx context.Context, u *user) (minor int64, err error) {
	ctx, cancel := context.WithTimeout(u.session.With(ctx), callTimeout)
	defer cancel()
	b, err := u.client.GetBalance(ctx, &strifev1.GetBalanceRequest{}, grpc.WaitForReady(true))
	if err != nil {
		return 0, err
	}
	m := b.GetBalance().GetMinor()
	s.say("%s has %d.%02d %s", u.User, m/100, m%100, b.GetBalance().GetCurrency())
	return m, nil
}

// expect makes a story that goes wrong an error.
func expect(what string, got, want int64) error {
	if got != want {
		return fmt.Errorf("the demo went wrong: %s is %d, want %d", what, got, want)
	}
	return nil
}
