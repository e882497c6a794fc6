package rival

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"dyno/bench/driver"
	"dyno/bench/rival"
	"dyno/bench/visit"
	"dyno/internal/record"
	"dyno/systems"
)

// copies are a primary and its replica, whoever made them.
type copies struct {
	servers []systems.Process
	spawns  bool
	launch  systems.Launch
	version string
	// balances are those of so many accounts at both, once the replica has all.
	balances func(ctx context.Context, accounts int) ([2][]int64, error)
	end      func(context.Context) error
	// writes are those that the primary counts.
	writes func(context.Context) (int64, error)
}

// run measures Redis or PostgreSQL instead of branchbank.
func run(ctx context.Context, b systems.Bench, v systems.Values) (o record.Observation, err error) {
	room, err := rival.Open(b)
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, room.Close()) }()
	open := openPostgresPair
	if v.Text(rival.Knob) == Redis {
		open = openRedisPair
	}
	c, err := open(ctx, room, v)
	if err != nil {
		return o, fmt.Errorf("branchbank's rival: %w", err)
	}
	return c.run(ctx, b, v)
}

func (c copies) run(ctx context.Context, b systems.Bench, v systems.Values) (o record.Observation, err error) {
	meter, err := rival.StartMeter(ctx, c.spawns, c.servers...)
	if err != nil {
		return o, err
	}
	set := b.Setting()
	c.launch.Args = append(c.launch.Args, "--clients", v.Text(knobClients), "--warmup", set.Warmup.String(), "--length", set.Length.String(),
		"--seed", strconv.FormatUint(set.Seed, 10), "--json")
	var r visit.Report
	if err := driver.Await(ctx, b, c.launch, &r); err != nil {
		return o, err
	}
	h := history{Load: r.Checks, Sessions: r.Sessions, Promised: v.Text(rival.Knob) == Apply, Version: c.version}
	if h.Copies, err = c.balances(ctx, visit.Accounts*len(r.Sessions)); err != nil {
		return o, err
	}
	if h.Writes, err = c.writes(ctx); err != nil {
		return o, err
	}
	r.Observe(&o, driver.Closed)
	meter.Observe(&o, r.Window.OK)
	o.SetHistogram("rival_write", r.Write)
	o.SetHistogram("rival_read", r.Read)
	h.observe(&o)
	return o, errors.Join(c.end(ctx), systems.KeepHistory(b, h))
}

func openRedisPair(ctx context.Context, room *rival.Room, v systems.Values) (c copies, err error) {
	primary, err := room.Redis(ctx, "primary", rival.RedisOptions{})
	if err != nil {
		return c, err
	}
	replica, err := room.Redis(ctx, "replica", rival.RedisOptions{Of: primary})
	if err != nil {
		return c, err
	}
	if err := primary.Settle(ctx); err != nil { // it is in line, and may not have begun to apply
		return c, err
	}
	return copies{
		servers: []systems.Process{primary, replica}, version: room.Version(),
		launch: systems.Launch{Role: rival.RoleLoader, Name: rival.RoleLoader, Args: []string{
			"--redis", primary.Endpoint, "--replica", replica.Endpoint, fmt.Sprintf("--torn=%t", v.Text(rival.KnobMutant) == mutantTorn),
		}},
		balances: func(ctx context.Context, accounts int) ([2][]int64, error) {
			return bothRedis(ctx, primary, replica, accounts)
		},
		writes: func(ctx context.Context) (int64, error) { return primary.Calls(ctx, "incrby") },
		end:    func(ctx context.Context) error { return errors.Join(replica.Stop(ctx), primary.Stop(ctx)) },
	}, nil
}

// bothRedis asks both once the replica has acknowledged what the primary has.
func bothRedis(ctx context.Context, primary, replica *rival.Redis, accounts int) (out [2][]int64, err error) {
	if err := primary.Settle(ctx); err != nil {
		return out, err
	}
	words := []string{"MGET"}
	for i := range accounts {
		words = append(words, key(i))
	}
	for i, s := range []*rival.Redis{primary, replica} {
		answer, err := s.Ask(ctx, words...)
		if err != nil {
			return out, err
		}
		if out[i], err = numbers(answer); err != nil {
			return out, err
		}
	}
	return out, nil
}

// maxClients is how many customers the accounts are for.
const maxClients = 250

func openPostgresPair(ctx context.Context, room *rival.Room, v systems.Values) (c copies, err error) {
	client, err := rival.FindClient()
	if err != nil {
		return c, err
	}
	mode := "on"
	if v.Text(rival.Knob) == Apply && v.Text(rival.KnobMutant) != mutantNoApply {
		mode = "remote_apply"
	}
	primary, standby, err := room.Pair(ctx, "synchronous_commit="+mode)
	if err != nil {
		return c, err
	}
	_, err = primary.Query(ctx, fmt.Sprintf(`CREATE TABLE accounts (id int PRIMARY KEY, balance bigint NOT NULL) WITH (fillfactor = 50);
INSERT INTO accounts SELECT i, 0 FROM generate_series(0, %d) i;
VACUUM ANALYZE accounts`, visit.Accounts*maxClients-1))
	if err != nil {
		return c, err
	}
	return copies{
		servers: []systems.Process{primary, standby}, spawns: true, version: room.Version(),
		launch: systems.Launch{Role: rival.RoleClient, Name: rival.RoleClient, CPUs: 1, Args: []string{
			"--", client, "branch", "--primary", primary.Endpoint, "--standby", standby.Endpoint,
		}},
		balances: func(ctx context.Context, accounts int) ([2][]int64, error) {
			return bothPostgres(ctx, primary, standby, accounts)
		},
		end: func(ctx context.Context) error { return errors.Join(standby.Halt(ctx), primary.Halt(ctx)) },
		writes: func(ctx context.Context) (int64, error) {
			text, err := primary.Query(ctx, "SELECT coalesce(sum(n_tup_upd), 0) FROM pg_stat_user_tables")
			if err != nil {
				return 0, err
			}
			return strconv.ParseInt(text, 10, 64)
		},
	}, nil
}

// bothPostgres asks both once the standby has applied what the primary has.
func bothPostgres(ctx context.Context, primary, standby *rival.Postgres, accounts int) (out [2][]int64, err error) {
	if err := standby.CatchUp(ctx, primary); err != nil {
		return out, err
	}
	for i, s := range []*rival.Postgres{primary, standby} {
		text, err := s.Query(ctx, "SELECT balance FROM accounts WHERE id < "+strconv.Itoa(accounts)+" ORDER BY id")
		if err != nil {
			return out, err
		}
		for line := range strings.Lines(text) {
			n, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
			if err != nil {
				return out, err
			}
			out[i] = append(out[i], n)
		}
	}
	return out, nil
}
