package rival

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"dyno/bench/driver"
	"dyno/bench/rival"
	"dyno/internal/backoff"
	"dyno/internal/record"
	"dyno/systems"
)

// accounts is how many each cluster has, and balance what is in each at first, in
// minor units: nobody runs out of money.
const (
	accounts = 10_000
	balance  = 1_000_000_000
)

// schema makes a cluster's tables, and the function that books one leg of a
// payment: its statements are planned once per connection.
var schema = fmt.Sprintf(`
CREATE TABLE accounts (id int PRIMARY KEY, balance bigint NOT NULL CHECK (balance >= 0));
CREATE TABLE legs (key text NOT NULL, account int NOT NULL, amount bigint NOT NULL, PRIMARY KEY (key, account));
INSERT INTO accounts SELECT i, %d FROM generate_series(1, %d) i;
CREATE FUNCTION leg(k text, a int, n bigint) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
	INSERT INTO legs VALUES (k, a, n);
	UPDATE accounts SET balance = balance + n WHERE id = a;
	IF NOT FOUND THEN RAISE EXCEPTION 'no account %%', a; END IF;
END $$;
VACUUM ANALYZE accounts;
`, int64(balance), accounts)

// payReport is what module rivals prints of its load; resolveReport what it
// prints of what was in doubt.
type payReport struct {
	driver.Report
	Forced      uint64 `json:"forced"`
	Connections int    `json:"connections"`
	Replayed    int    `json:"replayed"`
}

type resolveReport struct {
	Committed  int `json:"committed"`
	RolledBack int `json:"rolled_back"`
}

// bench is one trial: the clusters, and where the coordinator keeps what it does.
type bench struct {
	systems.Bench
	v        systems.Values
	room     *rival.Room
	client   string
	acks     string
	log      string
	clusters []*rival.Postgres
}

// run measures PostgreSQL instead of strife.
func run(ctx context.Context, b systems.Bench, v systems.Values) (o record.Observation, err error) {
	room, err := rival.Open(b)
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, room.Close()) }()
	t := &bench{Bench: b, v: v, room: room}
	if err := t.open(ctx); err != nil {
		return o, fmt.Errorf("strife's rival: %w", err)
	}
	return t.run(ctx)
}

func (t *bench) open(ctx context.Context) (err error) {
	if t.client, err = rival.FindClient(); err != nil {
		return err
	}
	dir, err := t.Dir("coordinator")
	if err != nil {
		return err
	}
	t.acks, t.log = filepath.Join(dir, "acks"), filepath.Join(dir, "decisions")
	names := []string{"bank-a", "bank-b"}
	if t.v.Text(rival.Knob) == Local {
		names = []string{"bank"}
	}
	settings := []string{"max_prepared_transactions=300"} // 0 by default; never lower than what is prepared
	if t.v.Text(rival.KnobMutant) == mutantNoFsync {
		settings = append(settings, "fsync=off")
	}
	if t.clusters, err = t.room.Postgres(ctx, settings, names...); err != nil {
		return err
	}
	for _, c := range t.clusters {
		if _, err := c.Query(ctx, schema); err != nil {
			return err
		}
	}
	return nil
}

func (t *bench) run(ctx context.Context) (o record.Observation, err error) {
	var servers []systems.Process
	for _, c := range t.clusters {
		servers = append(servers, c)
	}
	meter, err := rival.StartMeter(ctx, true, servers...)
	if err != nil {
		return o, err
	}
	before, err := t.syncs(ctx)
	if err != nil {
		return o, err
	}
	r, err := t.load(ctx)
	if err != nil {
		return o, err
	}
	after, err := t.syncs(ctx)
	if err != nil {
		return o, err
	}
	resolved, err := t.resolve(ctx)
	if err != nil {
		return o, err
	}
	h, err := t.audit(ctx)
	if err != nil {
		return o, err
	}
	for i := range h.Clusters {
		h.Clusters[i].Syncs = after[i] - before[i]
	}
	h.Version = t.room.Version()
	h.Load, h.Connections, h.Killed = r.Checks, r.Connections, t.v.Text(rival.KnobFault) != rival.None
	if r.Latency != nil { // else it did not live to tell
		h.Again = &r.Replayed
		r.Observe(&o, driver.Closed)
		meter.Observe(&o, r.Window.OK)
		o.Evidence.Facts[rival.FactWrites] = float64(h.payments())
	}
	o.Set("rival_in_doubt", float64(resolved.Committed+resolved.RolledBack))
	if !h.Killed && len(h.Acked) > 0 { // counters do not outlive a crash
		o.Set(forcedWrites, float64(h.syncs()+int64(r.Forced))/float64(len(h.Acked)))
	}
	if t.v.Text(rival.KnobFault) == faultCoordinator {
		o.Counts = record.Counts{Offered: int64(len(h.Acked)), Sent: int64(len(h.Acked)), OK: int64(len(h.Acked))}
	}
	o.Verdict = h.judge()
	for _, c := range t.clusters {
		err = errors.Join(err, c.Halt(ctx))
	}
	return o, errors.Join(err, systems.KeepHistory(t.Bench, h))
}

// addrs are the clusters' addresses, as the coordinator wants them.
func (t *bench) addrs() string {
	var all []string
	for _, c := range t.clusters {
		all = append(all, c.Endpoint)
	}
	return strings.Join(all, ",")
}

// launch is a command of module rivals in a process of its own.
func (t *bench) launch(name string, args ...string) systems.Launch {
	return systems.Launch{Role: rival.RoleClient, Name: name, CPUs: 2, Args: append([]string{
		"--", t.client, name, "--clusters", t.addrs(), "--log", t.log,
	}, args...)}
}

// load drives the payments, while a fault strikes.
func (t *bench) load(ctx context.Context) (r payReport, err error) {
	set := t.Setting()
	mutant := rival.None
	if t.v.Text(rival.KnobMutant) == mutantNoLog {
		mutant = "no-log"
	}
	p, err := t.Start(ctx, t.launch("pay", "--acks", t.acks, "--mutant", mutant, "--accounts", strconv.Itoa(accounts),
		"--clients", t.v.Text(knobClients), "--warmup", set.Warmup.String(), "--length", set.Length.String(),
		"--seed", strconv.FormatUint(set.Seed, 10), "--json"))
	if err != nil {
		return r, err
	}
	struck := make(chan error, 1)
	go func() { struck <- t.strike(ctx, p) }()
	out, err := p.Wait(ctx)
	if err := errors.Join(<-struck); err != nil {
		return r, err
	}
	if t.v.Text(rival.KnobFault) == faultCoordinator {
		return r, ctx.Err() // it was killed: what it wrote is all that it tells
	}
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(out, &r)
}

// resolve lets the coordinator's log say what becomes of what is in doubt.
func (t *bench) resolve(ctx context.Context) (r resolveReport, err error) {
	if len(t.clusters) == 1 {
		return r, nil
	}
	err = driver.Await(ctx, t.Bench, t.launch("resolve"), &r)
	return r, err
}

// down is how long a killed cluster stays so.
const down = 200 * time.Millisecond

// strike kills whom the knob names, in the middle of the window. A cluster is
// started again, a coordinator is not.
func (t *bench) strike(ctx context.Context, coordinator systems.Process) error {
	fault := t.v.Text(rival.KnobFault)
	if fault == rival.None {
		return nil
	}
	set := t.Setting()
	if err := t.awaitPayment(ctx); err != nil {
		return err
	}
	if err := backoff.Sleep(ctx, set.Warmup+set.Length/2); err != nil {
		return err
	}
	if fault == faultCoordinator {
		return coordinator.Kill()
	}
	if err := t.clusters[0].Kill(); err != nil {
		return err
	}
	if err := backoff.Sleep(ctx, down); err != nil {
		return err
	}
	return t.clusters[0].Revive(ctx)
}

// paymentBound is how long the first payment may take: connecting takes its time.
const paymentBound = 30 * time.Second

func (t *bench) awaitPayment(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, paymentBound, errors.New("nobody was paid before anybody could be killed"))
	defer cancel()
	for {
		info, err := os.Stat(t.acks)
		if err == nil && info.Size() > 0 {
			return nil
		}
		if err := backoff.Sleep(ctx, down/10); err != nil {
			return err
		}
	}
}
