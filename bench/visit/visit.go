// Package visit is the load of two copies of some accounts: customers who
// in turn deposit at the primary and ask for balances at the replica.
//
// A customer has two accounts and deposits 1 to them by turns, so a balance says
// how many of its deposits are there, and two balances whether one is there
// without the one before. It asks for its own and those of the next two customers:
// what somebody has read of the next customer's, others can miss beside what that
// somebody wrote then.
package visit

import (
	"context"
	"fmt"
	"time"

	"dyno/bench/driver"
	"dyno/bench/load"
	"dyno/internal/record"
)

// Store is the two copies, as one client reaches them: for one caller at a time.
type Store interface {
	// Deposit adds 1 to an account at the primary.
	Deposit(ctx context.Context, account int) error
	// Balances reads some accounts at the replica, at one moment.
	Balances(ctx context.Context, accounts []int) ([]int64, error)
	Close() error
}

// Report is what a load prints.
type Report struct {
	driver.Report
	Sessions []Session         `json:"sessions"` // by client
	Write    *record.Histogram `json:"write"`
	Read     *record.Histogram `json:"read"`
}

// Session is what one client did, in order: -1 for a deposit that was
// acknowledged, -2 for one of unknown end, and for a read the balances of the
// accounts that it asks for, [Asked] numbers.
type Session []int64

// Accounts are how many a customer has.
const Accounts = 2

// Account is where the n-th deposit (from 1) of a customer goes.
func Account(customer, n int) int { return Accounts*customer + (n-1)%Accounts }

// Asked are how many balances a read is of.
const Asked = 3 * Accounts

// Asks are the accounts whose balances a customer of so many asks for.
func Asks(customer, customers int) (accounts []int) {
	for i := range Asked {
		accounts = append(accounts, Accounts*((customer+i/Accounts)%customers)+i%Accounts)
	}
	return accounts
}

// What a session says of its deposits.
const (
	Deposited = -1
	Doubtful  = -2
)

// Load are customers who in turn deposit and ask, in a closed loop.
type Load struct {
	Flags   *driver.Flags
	Clients int
	Open    func(context.Context) (Store, error)
}

// client is one of them.
type client struct {
	store       Store
	id          int
	deposits    int
	asked       []int
	session     Session
	asks        bool
	write, read *record.Histogram
}

// Run loads the store.
func (l Load) Run(ctx context.Context) (r Report, err error) {
	clients := make([]*client, l.Clients)
	for i := range clients {
		clients[i] = &client{id: i, asked: Asks(i, l.Clients), write: record.NewHistogram(), read: record.NewHistogram()}
		if clients[i].store, err = l.Open(ctx); err != nil {
			return r, err
		}
		defer clients[i].store.Close()
	}
	meter := driver.StartMeter(l.Flags.Warmup, l.Flags.Length)
	loop, err := l.Flags.Loop(driver.Closed, driver.Model{Clients: l.Clients})
	if err != nil {
		return r, err
	}
	var first load.FirstError
	sum, err := loop(ctx, func(ctx context.Context, i int) (int32, record.Outcome) {
		target, err := clients[i].do(ctx)
		if err != nil {
			first.Note(err.Error())
			return -1, record.Unknown
		}
		return target, record.OK
	})
	sum.FirstError = first.String()
	r = Report{Report: driver.Report{Summary: sum}, Write: record.NewHistogram(), Read: record.NewHistogram()}
	r.Meter(meter)
	for _, c := range clients {
		r.Sessions = append(r.Sessions, c.session)
		r.Write.Merge(c.write)
		r.Read.Merge(c.read)
	}
	return r, err
}

// The targets of an operation.
const (
	atPrimary = 0
	atReplica = 1
)

// do deposits, or asks for what it and its neighbours have.
func (c *client) do(ctx context.Context) (target int32, err error) {
	began := time.Now()
	if c.asks = !c.asks; c.asks { // the first is a deposit
		c.deposits++
		if err := c.store.Deposit(ctx, Account(c.id, c.deposits)); err != nil {
			c.session = append(c.session, Doubtful)
			return atPrimary, err
		}
		c.write.Record(time.Since(began))
		c.session = append(c.session, Deposited)
		return atPrimary, nil
	}
	balances, err := c.store.Balances(ctx, c.asked)
	if err == nil && len(balances) != Asked {
		err = fmt.Errorf("%d balances of %d accounts", len(balances), Asked)
	}
	if err != nil {
		return atReplica, err
	}
	c.read.Record(time.Since(began))
	c.session = append(c.session, balances...)
	return atReplica, nil
}
