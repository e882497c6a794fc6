package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"dyno/internal/journal"
	"dyno/internal/record"
)

// mostConnections bounds those to a cluster: one for each payment in flight was as
// fast as fewer, and more gained nothing.
const mostConnections = 128

// mutantNoLog is a coordinator that decides in its memory only. It is slow to tell,
// so that a kill at any time finds decisions that nobody knows.
const (
	mutantNoLog = "no-log"
	mutantPause = 20 * time.Millisecond
)

// identity names the decision log.
const identity = "dyno-rivals decisions"

// gateway is a coordinator like strife's: presumed abort, a decision forced to a
// log of its own before anybody hears of it, the answer of a payment kept under
// its key. The second phase ends behind the answer.
type gateway struct {
	pool   *pool
	log    *journal.Journal
	mutant string

	behind sync.WaitGroup // second phases under way

	attempts, aborted atomic.Int64

	mu      sync.Mutex
	settled map[string]bool // by key: the payment is under way (false), or paid
}

func openGateway(ctx context.Context, clusters []string, connections int, dir, mutant string) (*gateway, error) {
	g := &gateway{settled: make(map[string]bool), mutant: mutant}
	var err error
	if g.log, _, err = journal.Open(dir, journal.Options{Identity: identity}, func(journal.Entry) error { return nil }); err != nil {
		return nil, err
	}
	if g.pool, err = openPool(ctx, clusters, connections); err != nil {
		return nil, errors.Join(err, g.log.Close())
	}
	return g, nil
}

func (g *gateway) drain() { g.behind.Wait() }

func (g *gateway) close() error {
	g.drain()
	g.pool.close()
	return g.log.Close()
}

func (g *gateway) syncs() uint64 { return uint64(g.log.Stats().Syncs) }

// retryPause is the time before a payment that was aborted is tried again.
const retryPause = 5 * time.Millisecond

// persist is a client: it asks again under the same key until the end is known.
func (g *gateway) persist(ctx context.Context, m payment) (record.Outcome, error) {
	outcome, err := g.pay(ctx, m)
	for outcome == record.Failed && ctx.Err() == nil {
		g.aborted.Add(1)
		time.Sleep(retryPause)
		outcome, err = g.pay(ctx, m)
	}
	return outcome, err
}

// pay makes one payment, unless it is paid already. An error says why it is not,
// and the outcome whether that is final.
func (g *gateway) pay(ctx context.Context, m payment) (record.Outcome, error) {
	g.mu.Lock()
	paid, known := g.settled[m.key]
	if !known {
		g.settled[m.key] = false
	}
	g.mu.Unlock()
	switch {
	case paid:
		return record.OK, nil
	case known:
		return record.Failed, errors.New("the payment is under way: ask again")
	}
	p, err := g.pool.take(ctx)
	if err != nil {
		g.settle(m.key, false)
		return record.Failed, err
	}
	var outcome record.Outcome
	if len(p) == 1 {
		defer g.pool.put(p)
		outcome, err = local(ctx, p, m)
	} else {
		outcome, err = g.distributed(ctx, p, m)
	}
	g.settle(m.key, err == nil)
	return outcome, err
}

// transaction names an attempt. None is used twice: what is said late of one must
// not be taken for the word on the next.
func (g *gateway) transaction(m payment) string {
	return fmt.Sprintf("%s#%d", m.key, g.attempts.Add(1))
}

// settle remembers that a payment is paid, or lets the key be tried again.
func (g *gateway) settle(key string, paid bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.settled[key] = paid; !paid {
		delete(g.settled, key)
	}
}

// local is a payment within one cluster: one transaction. Rows are locked in the
// order of accounts.
func local(ctx context.Context, p pair, m payment) (record.Outcome, error) {
	legs := []string{legSQL(m, true), legSQL(m, false)}
	if m.to < m.from {
		legs[0], legs[1] = legs[1], legs[0]
	}
	tag, err := do(ctx, p[0].PgConn, "BEGIN;"+legs[0]+legs[1]+"COMMIT")
	if err == nil && tag != "COMMIT" {
		err = fmt.Errorf("COMMIT was answered %s", tag)
	}
	switch {
	case err == nil:
		return record.OK, nil
	case answered(err):
		_, _ = do(context.WithoutCancel(ctx), p[0].PgConn, "ROLLBACK")
		return record.Failed, err
	}
	return record.Unknown, err // the connection broke: it may have been committed
}

// legSQL books one side of a payment.
func legSQL(m payment, debit bool) string {
	if debit {
		return fmt.Sprintf("SELECT leg('%s',%d,%d);", m.key, m.from, -m.amount)
	}
	return fmt.Sprintf("SELECT leg('%s',%d,%d);", m.key, m.to, m.amount)
}

// distributed is a payment from one cluster to the other.
func (g *gateway) distributed(ctx context.Context, p pair, m payment) (record.Outcome, error) {
	gid := g.transaction(m)
	p.begin(ctx, func(cluster int) string {
		return "BEGIN;" + legSQL(m, cluster == m.source) + "PREPARE TRANSACTION '" + gid + "'"
	})
	if err := p.votes(); err != nil {
		g.behind.Go(func() { g.abort(context.WithoutCancel(ctx), p, gid) })
		return record.Failed, err // no decision will ever say otherwise
	}
	if g.mutant != mutantNoLog {
		if _, err := g.log.Append(context.WithoutCancel(ctx), []byte(gid)); err != nil {
			g.pool.put(p)
			return record.Unknown, err
		}
	}
	g.behind.Go(func() { g.commit(context.WithoutCancel(ctx), p, gid) })
	return record.OK, nil
}

// commit is the second phase. What it cannot reach is left for resolve; that there
// is nothing to commit means that it was done before.
func (g *gateway) commit(ctx context.Context, p pair, gid string) {
	if g.mutant == mutantNoLog {
		time.Sleep(mutantPause)
	}
	p.begin(ctx, func(int) string { return "COMMIT PREPARED '" + gid + "'" })
	p.end()
	g.pool.put(p)
}

// abort is the same after a no: who had voted yes is told.
func (g *gateway) abort(ctx context.Context, p pair, gid string) {
	p.begin(ctx, func(cluster int) string {
		if p[cluster].yes {
			return "ROLLBACK PREPARED '" + gid + "'"
		}
		return "ROLLBACK"
	})
	p.end()
	g.pool.put(p)
}
