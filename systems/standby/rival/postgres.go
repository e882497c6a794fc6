package rival

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"dyno/bench/rival"
	"dyno/internal/backoff"
	"dyno/systems"
)

// postgresPair is a primary and a hot standby that has each transaction on its
// disk before it is acknowledged.
type postgresPair struct {
	primary, standby *rival.Postgres
}

// maxClients is how many accounts there are.
const maxClients = 250

func openPostgres(ctx context.Context, room *rival.Room, v systems.Values) (*cluster, error) {
	client, err := rival.FindClient()
	if err != nil {
		return nil, err
	}
	var settings []string
	switch v.Text(rival.KnobMutant) {
	case mutantNoFsync:
		settings = []string{"fsync=off"}
	case mutantNoWait:
		settings = []string{"synchronous_commit=local"}
	}
	p := &postgresPair{}
	if p.primary, p.standby, err = room.Pair(ctx, settings...); err != nil {
		return nil, err
	}
	if _, err := p.primary.Query(ctx, fmt.Sprintf(`CREATE TABLE accounts (id int PRIMARY KEY, balance bigint NOT NULL) WITH (fillfactor = 50);
CREATE TABLE writes (client int NOT NULL, n bigint NOT NULL);
INSERT INTO accounts SELECT i, 0 FROM generate_series(0, %d) i;
VACUUM ANALYZE accounts`, maxClients-1)); err != nil {
		return nil, err
	}
	return &cluster{
		servers: []systems.Process{p.primary, p.standby}, spawns: true, after: p.after, watch: p.promote, survive: p.survive,
		load: systems.Launch{Role: rival.RoleClient, Name: rival.RoleClient, CPUs: 1, Args: []string{
			"--", client, "deposit", "--servers", p.primary.Endpoint + "," + p.standby.Endpoint,
		}},
		end: func(ctx context.Context) error { return errors.Join(p.standby.Halt(ctx), p.primary.Halt(ctx)) },
	}, nil
}

// after asks both what they hold, once the standby has applied all, and how they ran.
func (p *postgresPair) after(ctx context.Context, clients int, h *history) (err error) {
	if err := p.standby.CatchUp(ctx, p.primary); err != nil {
		return err
	}
	for _, s := range []*rival.Postgres{p.primary, p.standby} {
		one := server{Name: s.Name()}
		if one.Balances, err = column(ctx, s, fmt.Sprintf("SELECT balance FROM accounts WHERE id < %d ORDER BY id", clients)); err != nil {
			return err
		}
		if one.Says, err = s.Query(ctx, "SELECT 'fsync ' || current_setting('fsync')"); err != nil {
			return err
		}
		one.Durable = one.Says == "fsync on"
		h.Servers = append(h.Servers, one)
		for _, n := range one.Balances {
			h.Writes += n
		}
	}
	h.Writes /= 2 // both hold them
	waits, err := p.primary.Query(ctx,
		"SELECT current_setting('synchronous_commit') || ' ' || string_agg(sync_state, ' ') FROM pg_stat_replication")
	if waits == "on sync" {
		h.Receipts = h.Writes
	}
	return err
}

// promotePause is how often the primary is looked at, and how long it may take to
// answer.
const promotePause = 200 * time.Millisecond

// promote does what somebody must do, for PostgreSQL comes with nobody who does:
// when the primary has been silent for downAfter, the standby takes over.
func (p *postgresPair) promote(ctx context.Context) {
	for heard := time.Now(); ; {
		bounded, cancel := context.WithTimeout(ctx, promotePause)
		if p.primary.Ready(bounded) == nil {
			heard = time.Now()
		}
		cancel()
		if time.Since(heard) > downAfter && ctx.Err() == nil {
			_, _ = p.standby.Query(ctx, "SELECT pg_promote()") // who is not promoted serves nobody, and that is seen
			return
		}
		if backoff.Sleep(ctx, promotePause/4) != nil {
			return
		}
	}
}

// survive asks the standby, which took over.
func (p *postgresPair) survive(ctx context.Context, clients int) (s survivor, err error) {
	s.Addr = p.standby.Endpoint
	for i := range clients {
		w, err := column(ctx, p.standby, fmt.Sprintf("SELECT n FROM writes WHERE client = %d", i))
		if err != nil {
			return s, err
		}
		s.Writes = append(s.Writes, w)
	}
	s.Stay, err = column(ctx, p.standby, "SELECT n FROM writes WHERE client = -1")
	return s, err
}

// column reads a column of numbers.
func column(ctx context.Context, s *rival.Postgres, sql string) (out []int64, err error) {
	text, err := s.Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(text) {
		n, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}
