// Package load is the role load: many users at once, who pay each other.
package load

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"dyno/bench/load"
	"dyno/internal/backoff"
	"dyno/internal/record"
	"dyno/internal/rpc"
	strifev1 "dyno/proto/strife/v1"
	"dyno/systems/strife/check"
	"dyno/systems/strife/core/money"
	"dyno/systems/strife/core/tx"
	"dyno/systems/strife/security"
	"dyno/systems/strife/site"
)

// Options say who pays whom.
type Options struct {
	Dir       site.Dir
	Addresses string // a file such as run.json
	Users     []string
	Accounts  []tx.Account // of the users
	Seed      uint64
	Overdraw  float64       // share of payments that nobody can afford
	Retry     bool          // ask again under the same key until the end is known
	Attempt   time.Duration // how long one call may take
}

// mostLogins bounds how many users log in at once: each password costs the
// gateway memory.
const mostLogins = 4

// crowd is the users, each with a connection, a certificate and a session of
// its own.
type crowd struct {
	opt    Options
	people []*person
	origin time.Time
	errors load.FirstError
	tally  Tally
	mu     sync.Mutex // of calls
	calls  []check.Call
}

// person is one user.
type person struct {
	name    string
	account tx.Account
	conn    *grpc.ClientConn
	client  strifev1.GatewayServiceClient
	token   string
	paid    uint64 // payments begun
}

// Tally is what became of all calls to pay.
type Tally struct {
	Pays, Paid, Declined, Aborted int64
	Silent                        int64 // without an answer that says what happened
	Replayed                      int64 // of those that were answered: they had been before
}

// open connects all users and logs them in.
func open(ctx context.Context, opt Options) (*crowd, error) {
	c := &crowd{opt: opt, origin: time.Now()}
	logins := make(chan struct{}, mostLogins)
	errs := make([]error, len(opt.Users))
	var all sync.WaitGroup
	for i, name := range opt.Users {
		p := &person{name: name, account: opt.Accounts[i]}
		c.people = append(c.people, p)
		all.Go(func() {
			logins <- struct{}{}
			errs[i] = p.open(ctx, opt)
			<-logins
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (p *person) open(ctx context.Context, opt Options) (err error) {
	me := security.Party{Role: security.Client, Name: p.name}
	if p.conn, err = opt.Dir.Dialer(me, opt.Addresses).Dial(security.TheGateway); err != nil {
		return err
	}
	p.client = strifev1.NewGatewayServiceClient(p.conn)
	secret, err := os.ReadFile(opt.Dir.Password(p.name))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	login := &strifev1.LoginRequest{User: p.name, Password: strings.TrimSpace(string(secret))}
	resp, err := p.client.Login(ctx, login, grpc.WaitForReady(true))
	if err != nil {
		return fmt.Errorf("login of %s: %w", p.name, err)
	}
	p.token = resp.GetToken()
	return nil
}

// ReadyFile is written into the folder once all users have logged in: now
// faults may strike.
const ReadyFile = "users-ready"

func (c *crowd) ready() error {
	return os.WriteFile(filepath.Join(string(c.opt.Dir), ReadyFile), nil, 0o600)
}

func (c *crowd) close() error {
	var errs []error
	for _, p := range c.people {
		if p.conn != nil {
			errs = append(errs, p.conn.Close())
		}
	}
	return errors.Join(errs...)
}

func (c *crowd) now() time.Duration { return time.Since(c.origin) }

// note keeps a call for the history.
func (c *crowd) note(call check.Call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = append(c.calls, call)
	if call.Replayed {
		c.tally.Replayed++
	}
}

func (c *crowd) count(n *int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*n++
}

// pay has a user make one payment.
func (c *crowd) pay(ctx context.Context, client int) (int32, record.Outcome) {
	p := c.people[client%len(c.people)]
	payment, key := c.next(client, p)
	var pause backoff.Backoff
	for attempt := uint32(1); ; attempt++ {
		outcome, final := c.once(ctx, p, payment, key, attempt)
		if final || !c.opt.Retry {
			return 0, outcome
		}
		pause.Wait(ctx, nil)
		if ctx.Err() != nil {
			return 0, record.Unknown
		}
	}
}

// next draws a payment: to somebody at another bank, where there is one.
func (c *crowd) next(client int, p *person) (payment tx.Payment, key string) {
	c.mu.Lock()
	p.paid++
	n := p.paid
	c.mu.Unlock()
	d := newDice(c.opt.Seed, uint64(client%len(c.people)), n)
	to := c.people[d.below(uint64(len(c.people)))]
	for try := 0; try < 64 && (to == p || to.account.Bank == p.account.Bank && c.banks() > 1); try++ {
		to = c.people[d.below(uint64(len(c.people)))]
	}
	minor := int64(1 + d.below(1000))
	if d.share() < c.opt.Overdraw {
		minor = 1e11
	}
	payment = tx.Payment{From: p.account, To: to.account, Amount: money.Amount{Minor: minor, Currency: currency}}
	return payment, fmt.Sprintf("%d-%d", c.opt.Seed, n)
}

func (c *crowd) banks() int {
	seen := map[string]bool{}
	for _, a := range c.opt.Accounts {
		seen[a.Bank] = true
	}
	return len(seen)
}

// once asks once; final says whether to ask again would bring the same.
func (c *crowd) once(ctx context.Context, p *person, pay tx.Payment, key string, attempt uint32) (record.Outcome, bool) {
	ctx, cancel := context.WithTimeout(security.WithToken(ctx, p.token), c.opt.Attempt)
	defer cancel()
	call := check.Call{Kind: check.CallPay, User: p.name, Key: key, Payment: pay, Begin: c.now(), End: check.Never}
	var header metadata.MD
	resp, err := p.client.Pay(ctx, &strifev1.PayRequest{
		Key: key, To: &strifev1.Account{Bank: pay.To.Bank, Number: pay.To.Name}, Attempt: attempt,
		Amount: &strifev1.Money{Minor: pay.Amount.Minor, Currency: pay.Amount.Currency.String()},
	}, grpc.Header(&header))
	c.count(&c.tally.Pays)
	kind := rpc.KindOf(err)
	if err == nil {
		call.End, call.Replayed = c.now(), len(header.Get("replayed")) > 0
		if call.Receipt, err = receipt(resp.GetPayment()); err != nil {
			c.errors.Note(err.Error())
			return record.Failed, true
		}
	}
	c.note(call)
	switch {
	case err == nil:
		c.count(&c.tally.Paid)
		return record.OK, true
	case kind == rpc.Declined:
		c.count(&c.tally.Declined)
		c.look(ctx, p, key)
		c.errors.Note(err.Error())
		return record.Failed, true
	case kind == rpc.Conflict || kind == rpc.Unavailable || kind == rpc.Refused:
		c.count(&c.tally.Aborted)
	default:
		c.count(&c.tally.Silent)
	}
	c.errors.Note(err.Error())
	outcome := rpc.Outcome(err)
	return outcome, outcome == record.Failed && kind != rpc.Conflict
}
