package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"google.golang.org/grpc/connectivity"

	"dyno/systems"
	"dyno/systems/strife/core/outbox"
	"dyno/systems/strife/site"
	"dyno/systems/strife/wallet"
)

// Offline is what users with offline queues saw of an outage.
type Offline struct {
	Told []Told `json:"told"` // in the order in which users were told
}

// Told is the end of one queued payment. Moments are nanoseconds since 1970.
type Told struct {
	User    string         `json:"user"`
	Key     string         `json:"key"`
	Outcome outbox.Outcome `json:"outcome"`
	Queued  int64          `json:"queued_unix_ns"` // the user was told that it is in the queue
	Ended   int64          `json:"ended_unix_ns"`  // and how it ended
}

// OfflineRole is the role offline.
func OfflineRole() systems.Role {
	return systems.Role{Command: systems.Command{
		Name:    "offline",
		Summary: "users who wait until the gateway is away, pay into their offline queues, and wait for the ends",
		Example: "dyno strife offline --dir bank.d --payments 10 --json",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			dir := fs.String("dir", "", "folder that dyno strife init made")
			addresses := fs.String("addresses", "", "file that says where the gateway is, in place of DIR/run.json")
			users := fs.String("users", "", "comma-separated users; empty: all customers of DIR/setup.yaml, at most 64")
			n := fs.Int("payments", 10, "payments of each user")
			seed := fs.Uint64("seed", 1, "who pays whom comes from it")
			fs.Bool("json", false, "print the result as JSON: it always is")
			return func(ctx context.Context, sh systems.Shell) error {
				if *dir == "" || *n < 1 {
					return systems.Usagef("--dir and --payments: name the folder that dyno strife init has made, and at least one payment")
				}
				opt := Options{Dir: site.Dir(*dir), Addresses: *addresses, Seed: *seed, Attempt: 5 * time.Second}
				if err := opt.choose(*users); err != nil {
					return err
				}
				r, err := goOffline(ctx, opt, *n)
				if err != nil {
					return err
				}
				return json.NewEncoder(sh.Out).Encode(r)
			}
		},
	}}
}

// goOffline has every user go through an outage.
func goOffline(ctx context.Context, opt Options, n int) (r Offline, err error) {
	c, err := open(ctx, opt)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	if err := c.ready(); err != nil {
		return r, err
	}
	var mu sync.Mutex
	errs := make([]error, len(c.people))
	var all sync.WaitGroup
	for i, p := range c.people {
		all.Go(func() {
			told, err := c.outage(ctx, i, p, n)
			mu.Lock()
			defer mu.Unlock()
			r.Told, errs[i] = append(r.Told, told...), err
		})
	}
	all.Wait()
	return r, errors.Join(errs...)
}

// outage is one user's.
func (c *crowd) outage(ctx context.Context, i int, p *person, n int) (told []Told, err error) {
	home := c.opt.Dir.Client(p.name)
	s := wallet.Session{User: p.name, Token: p.token, Account: p.account.String(), Currency: currency.String()}
	if err := s.Write(home); err != nil {
		return nil, err
	}
	for s := p.conn.GetState(); s == connectivity.Ready || s == connectivity.Connecting; s = p.conn.GetState() {
		if !p.conn.WaitForStateChange(ctx, s) {
			return nil, ctx.Err()
		}
	}
	ends := make(chan Told, n)
	q, err := wallet.Open(wallet.Options{
		Dir: home, User: p.name, Gateway: &wallet.Sender{ClientConn: p.conn, Home: home},
		Notify: func(e outbox.Notice) {
			ends <- Told{User: p.name, Key: e.Payment.Key, Outcome: e.Result.Outcome, Ended: time.Now().UnixNano()}
		},
		Login: func(ctx context.Context) { wallet.AwaitSession(ctx, home, wallet.Session{Token: p.token}) },
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, q.Close()) }()
	queued := map[string]int64{}
	for k := range n {
		payment, _ := c.next(i, p)
		key := "offline-" + strconv.Itoa(k+1)
		reply, err := q.Keep(ctx, outbox.Payment{
			Key: key, From: payment.From.String(), To: payment.To.String(), Minor: payment.Amount.Minor, Currency: currency.String(),
		})
		if err != nil || reply.Rejected != "" {
			return nil, fmt.Errorf("payment %s of %s is not in the queue: %s%w", key, p.name, reply.Rejected, err)
		}
		queued[key] = time.Now().UnixNano()
	}
	for range n {
		select {
		case t := <-ends:
			t.Queued = queued[t.Key]
			told = append(told, t)
		case <-ctx.Done():
			return told, ctx.Err()
		}
	}
	return told, nil
}
