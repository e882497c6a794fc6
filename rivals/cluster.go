package main

import (
	"context"
	"fmt"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
)

// connect opens one connection to a cluster. Locks are not waited for without end:
// what two coordinators lock crosswise no cluster sees as a deadlock.
func connect(ctx context.Context, addr string) (*pgconn.PgConn, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	const how = "host=%s port=%s user=dyno dbname=postgres sslmode=disable options='-c lock_timeout=2s'"
	return pgconn.Connect(ctx, fmt.Sprintf(how, host, port))
}

// finish reads what a query sent answers, and returns the tag of its last command.
func finish(r *pgconn.MultiResultReader) (tag string, err error) {
	for r.NextResult() {
		t, err := r.ResultReader().Close()
		if err != nil {
			_ = r.Close() // the first error says more
			return "", err
		}
		tag = t.String()
	}
	return tag, r.Close()
}

// do runs one query text.
func do(ctx context.Context, c *pgconn.PgConn, sql string) (tag string, err error) {
	return finish(c.Exec(ctx, sql))
}
