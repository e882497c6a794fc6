package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

	"dyno/bench/driver"
	"dyno/bench/visit"
)

func branch(fs *flag.FlagSet) func(context.Context) (any, error) {
	l := visit.Load{Flags: driver.BindFlags(fs)}
	primary := fs.String("primary", "", "HOST:PORT of the primary")
	standby := fs.String("standby", "", "HOST:PORT of its hot standby")
	fs.IntVar(&l.Clients, "clients", 32, "customers, each with a connection to both")
	l.Open = func(ctx context.Context) (visit.Store, error) { return openStore(ctx, *primary, *standby) }
	return func(ctx context.Context) (any, error) {
		if err := l.Flags.Check(); err != nil {
			return nil, err
		}
		return l.Run(ctx)
	}
}

// store is a connection to each server, with its statements planned.
type store struct{ primary, standby *pgconn.PgConn }

// The statements' names.
const (
	depositName  = "deposit"
	balancesName = "balances"
)

func openStore(ctx context.Context, primary, standby string) (s store, err error) {
	if s.primary, err = connect(ctx, primary); err != nil {
		return s, err
	}
	if s.standby, err = connect(ctx, standby); err != nil {
		return s, err
	}
	_, err = s.primary.Prepare(ctx, depositName, "UPDATE accounts SET balance = balance + 1 WHERE id = $1", nil)
	if err != nil {
		return s, err
	}
	_, err = s.standby.Prepare(ctx, balancesName,
		"SELECT (SELECT balance FROM accounts WHERE id = $1), (SELECT balance FROM accounts WHERE id = $2)", nil)
	return s, err
}

func text(n int) []byte { return strconv.AppendInt(nil, int64(n), 10) }

// Deposit implements visit.Store.
func (s store) Deposit(ctx context.Context, account int) error {
	r := s.primary.ExecPrepared(ctx, depositName, [][]byte{text(account)}, nil, nil).Read()
	if r.Err == nil && r.CommandTag.RowsAffected() != 1 {
		return fmt.Errorf("a deposit was answered %s", r.CommandTag)
	}
	return r.Err
}

// Balances implements visit.Store.
func (s store) Balances(ctx context.Context, a, b int) (x, y int64, err error) {
	r := s.standby.ExecPrepared(ctx, balancesName, [][]byte{text(a), text(b)}, nil, nil).Read()
	if r.Err != nil {
		return 0, 0, r.Err
	}
	if len(r.Rows) != 1 || len(r.Rows[0]) != 2 {
		return 0, 0, fmt.Errorf("%d rows of balances", len(r.Rows))
	}
	x, err = strconv.ParseInt(string(r.Rows[0][0]), 10, 64)
	if err != nil {
		return 0, 0, err
	}
	y, err = strconv.ParseInt(string(r.Rows[0][1]), 10, 64)
	return x, y, err
}

// Close implements visit.Store.
func (s store) Close() error {
	return errors.Join(s.primary.Close(context.Background()), s.standby.Close(context.Background()))
}
