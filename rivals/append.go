package main

import (
	"context"
	"flag"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"dyno/bench/deposit"
	"dyno/bench/driver"
)

// deposits are those at a primary with a standby, either of which may be gone.
func deposits(fs *flag.FlagSet) func(context.Context) (any, error) {
	l := deposit.Load{Flags: driver.BindFlags(fs)}
	servers := fs.String("servers", "", "HOST:PORT of the primary and of its standby, separated by a comma")
	fs.IntVar(&l.Clients, "clients", 32, "clients, each with a connection")
	fs.BoolVar(&l.Gone, "gone", false, "servers may be gone: try again, and tell writes apart")
	return func(ctx context.Context) (any, error) {
		if err := l.Flags.Check(); err != nil {
			return nil, err
		}
		addrs := strings.Split(*servers, ",")
		sql := addSQL
		if l.Gone {
			sql = insertSQL
		}
		l.Open = func(ctx context.Context, client int) (deposit.Store, error) {
			s := &depositStore{addrs: addrs, client: client, sql: sql, told: l.Gone}
			return s, s.mend(ctx)
		}
		l.Stay = func(ctx context.Context) (deposit.Store, error) {
			s := &depositStore{addrs: addrs[:1], client: stayer, sql: insertSQL, told: true}
			return s, s.mend(ctx)
		}
		return l.Run(ctx)
	}
}

// What a deposit is: one in a balance, or where writes are told apart a row.
const (
	addSQL    = "UPDATE accounts SET balance = balance + 1 WHERE id = $1"
	insertSQL = "INSERT INTO writes VALUES ($1, $2)"

	stayer = -1 // the client who stays, in the rows
)

// depositStore is a connection to whoever takes writes.
type depositStore struct {
	addrs  []string
	at     int // of addrs
	client int
	sql    string
	told   bool // writes are told apart
	conn   *pgconn.PgConn
}

// mend connects, if there is no connection that is well, to a server that takes
// writes.
func (s *depositStore) mend(ctx context.Context) (err error) {
	if s.conn != nil && !s.conn.IsClosed() {
		return nil
	}
	if s.conn, err = connect(ctx, s.addrs[s.at]); err != nil {
		s.conn = nil
		return err
	}
	_, err = s.conn.Prepare(ctx, depositName, s.sql, nil)
	return err
}

// Write implements deposit.Store. Who does not answer, or is a standby, is left,
// and the other one asked.
func (s *depositStore) Write(ctx context.Context, n int64) error {
	err := s.mend(ctx)
	if err == nil {
		err = s.once(ctx, n)
	}
	if err != nil {
		_ = s.Close()
		s.at = (s.at + 1) % len(s.addrs)
	}
	return err
}

func (s *depositStore) once(ctx context.Context, n int64) error {
	args := [][]byte{text(s.client)}
	if s.told {
		args = append(args, text(int(n)))
	}
	r := s.conn.ExecPrepared(ctx, depositName, args, nil, nil).Read()
	if r.Err == nil && r.CommandTag.RowsAffected() != 1 {
		return fmt.Errorf("a deposit was answered %s", r.CommandTag)
	}
	return r.Err
}

// Close implements deposit.Store.
func (s *depositStore) Close() error {
	if s.conn == nil {
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // nobody waits for a server that may be gone
	err := s.conn.Close(ctx)
	s.conn = nil
	return err
}
