package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"

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
	_, err = s.standby.Prepare(ctx, balancesName, balancesSQL(visit.Asked), nil)
	return s, err
}

// balancesSQL asks for so many balances by one statement, and so of one moment.
func balancesSQL(accounts int) string {
	var parts []string
	for i := range accounts {
		parts = append(parts, fmt.Sprintf("(SELECT balance FROM accounts WHERE id = $%d)", i+1))
	}
	return "SELECT " + strings.Join(parts, ", ")
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
func (s store) Balances(ctx context.Context, accounts []int) ([]int64, error) {
	var args [][]byte
	for _, a := range accounts {
		args = append(args, text(a))
	}
	r := s.standby.ExecPrepared(ctx, balancesName, args, nil, nil).Read()
	if r.Err != nil {
		return nil, r.Err
	}
	return balances(r.Rows)
}

// balances reads the only row of an answer.
func balances(rows [][][]byte) (out []int64, err error) {
	if len(rows) != 1 {
		return nil, fmt.Errorf("%d rows of balances", len(rows))
	}
	for _, field := range rows[0] {
		n, err := strconv.ParseInt(string(field), 10, 64)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

// Close implements visit.Store.
func (s store) Close() error {
	return errors.Join(s.primary.Close(context.Background()), s.standby.Close(context.Background()))
}
