// Package visit is the load of two copies of some accounts: customers who
// in turn deposit at the primary and ask for balances at the replica.
package visit

import (
	"context"
	"time"

	"dyno/bench/driver"
	"dyno/bench/load"
	"dyno/internal/record"
)

// Store is the two copies, as one client reaches them: for one caller at a time.
type Store interface {
	// Deposit adds 1 to an account at the primary.
	Deposit(ctx context.Context, account int) error
	// Balances reads two accounts at the replica, at one moment.
	Balances(ctx context.Context, a, b int) (int64, int64, error)
	Close() error
}

// Report is what a load prints.
type Report struct {
	driver.Report
	Sessions []Session         `json:"sessions"` // by client
	Write    *record.Histogram `json:"write"`
	Read     *record.Histogram `json:"read"`
}

// Session is what one client did, in order: -1 for a deposit to its own account
// that was acknowledged, -2 for one of unknown end, and two numbers for a read: the
// balances of its own account and of its neighbour's.
type Session []int64

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
	id, next    int
	session     Session
	asks        bool
	write, read *record.Histogram
}

// Run loads the store.
func (l Load) Run(ctx context.Context) (r Report, err error) {
	clients := make([]*client, l.Clients)
	for i := range clients {
		clients[i] = &client{id: i, next: (i + 1) % l.Clients, write: record.NewHistogram(), read: record.NewHistogram()}
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

// do deposits, or asks for what it and its neighbour have.
func (c *client) do(ctx context.Context) (target int32, err error) {
	began := time.Now()
	if c.asks = !c.asks; c.asks { // the first is a deposit
		if err := c.store.Deposit(ctx, c.id); err != nil {
			c.session = append(c.session, Doubtful)
			return atPrimary, err
		}
		c.write.Record(time.Since(began))
		c.session = append(c.session, Deposited)
		return atPrimary, nil
	}
	own, other, err := c.store.Balances(ctx, c.id, c.next)
	if err != nil {
		return atReplica, err
	}
	c.read.Record(time.Since(began))
	c.session = append(c.session, own, other)
	return atReplica, nil
}
