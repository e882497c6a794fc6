package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"dyno/internal/journal"
)

// resolveReport is what was in doubt.
type resolveReport struct {
	Decided    int `json:"decided"` // in the log
	Committed  int `json:"committed"`
	RolledBack int `json:"rolled_back"`
}

// resolve does what a coordinator does when it is started again: it reads its
// decision log, and tells every transaction that is prepared what became of it. One
// without a decision is aborted.
func resolve(fs *flag.FlagSet) func(context.Context) (any, error) {
	clusters := fs.String("clusters", "", "HOST:PORT of the clusters, separated by a comma")
	dir := fs.String("log", "decisions", "folder of the decision log")
	return func(ctx context.Context) (any, error) {
		decided := make(map[string]bool)
		log, _, err := journal.Open(*dir, journal.Options{Identity: identity}, func(e journal.Entry) error {
			decided[string(e.Data)] = true
			return nil
		})
		if err != nil {
			return nil, err
		}
		r := resolveReport{Decided: len(decided)}
		for _, addr := range strings.Split(*clusters, ",") {
			err = errors.Join(err, r.cluster(ctx, addr, decided))
		}
		return r, errors.Join(err, log.Close())
	}
}

func (r *resolveReport) cluster(ctx context.Context, addr string, decided map[string]bool) error {
	c, err := connect(ctx, addr)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	keys, err := prepared(ctx, c)
	if err != nil {
		return err
	}
	for _, key := range keys {
		word := "ROLLBACK"
		if decided[key] {
			word = "COMMIT"
			r.Committed++
		} else {
			r.RolledBack++
		}
		if _, err := do(ctx, c, fmt.Sprintf("%s PREPARED '%s'", word, key)); err != nil {
			return fmt.Errorf("%s: %s PREPARED %s: %w", addr, word, key, err)
		}
	}
	return nil
}

// prepared lists the transactions that a cluster holds in doubt.
func prepared(ctx context.Context, c *pgconn.PgConn) (keys []string, err error) {
	results, err := c.Exec(ctx, "SELECT gid FROM pg_prepared_xacts").ReadAll()
	if err != nil {
		return nil, err
	}
	for _, r := range results {
		for _, row := range r.Rows {
			keys = append(keys, string(row[0]))
		}
	}
	return keys, nil
}
