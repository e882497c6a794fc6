package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// conn is one connection, and what is under way on it.
type conn struct {
	*pgconn.PgConn
	sent *pgconn.MultiResultReader
	yes  bool // it has voted for the payment at hand
}

// pair is a connection to each cluster.
type pair []*conn

// begin sends a text to each cluster, before the first answer is read.
func (p pair) begin(ctx context.Context, text func(cluster int) string) {
	for i, c := range p {
		c.sent = c.Exec(ctx, text(i))
	}
}

// votes reads the answers to PREPARE TRANSACTION. A transaction that had failed
// answers ROLLBACK, and no error: only the tag is a vote.
func (p pair) votes() (err error) {
	for _, c := range p {
		tag, one := finish(c.sent)
		c.yes = one == nil && tag == "PREPARE TRANSACTION"
		if one == nil && !c.yes {
			one = fmt.Errorf("PREPARE TRANSACTION was answered %s", tag)
		}
		err = errors.Join(err, one)
	}
	return err
}

// end reads the answers, whatever they are.
func (p pair) end() {
	for _, c := range p {
		_, _ = finish(c.sent)
	}
}

// answered says that an error is the server's answer, and the connection well.
func answered(err error) bool { return errors.As(err, new(*pgconn.PgError)) }

// pool are the connections. A pair of which one is broken is mended by whoever
// takes it.
type pool struct {
	addrs []string
	free  chan pair
}

func openPool(ctx context.Context, addrs []string, n int) (*pool, error) {
	p := &pool{addrs: addrs, free: make(chan pair, n)}
	for range n {
		c := make(pair, len(addrs))
		for i := range c {
			c[i] = new(conn)
		}
		if err := p.mend(ctx, c); err != nil {
			p.close()
			return nil, err
		}
		p.free <- c
	}
	return p, nil
}

// mend connects where there is no connection that is well.
func (p *pool) mend(ctx context.Context, c pair) (err error) {
	for i, addr := range p.addrs {
		if c[i].PgConn != nil && !c[i].IsClosed() {
			continue
		}
		c[i].PgConn, err = connect(ctx, addr)
		if err != nil {
			return err
		}
	}
	return nil
}

// mendPause keeps clients from calling a cluster that is down in a tight loop.
const mendPause = 5 * time.Millisecond

func (p *pool) take(ctx context.Context) (pair, error) {
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case c := <-p.free:
		err := p.mend(ctx, c)
		if err != nil {
			p.put(c)
			time.Sleep(mendPause)
			return nil, err
		}
		return c, nil
	}
}

func (p *pool) put(c pair) { p.free <- c }

// close ends the connections, all of which have been put back.
func (p *pool) close() {
	for {
		select {
		case c := <-p.free:
			for _, one := range c {
				if one.PgConn != nil {
					ctx, cancel := context.WithTimeout(context.Background(), time.Second)
					_ = one.Close(ctx)
					cancel()
				}
			}
		default:
			return
		}
	}
}
