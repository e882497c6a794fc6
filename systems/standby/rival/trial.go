package rival

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"dyno/bench/driver"
	"dyno/bench/inject"
	"dyno/bench/rival"
	"dyno/internal/record"
	"dyno/systems"
)

// The servers' names.
const (
	primaryName = "primary"
	replicaName = "replica"
)

// sentinels is how many watch where something goes wrong.
const sentinels = 3

// run measures Redis instead of standby.
func run(ctx context.Context, b systems.Bench, v systems.Values) (o record.Observation, err error) {
	room, err := rival.Open(b)
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, room.Close()) }()
	p, err := open(ctx, room, v)
	if err != nil {
		return o, fmt.Errorf("standby's rival: %w", err)
	}
	if v.Text(rival.KnobFault) != rival.None {
		return p.failover(ctx, b, room, v)
	}
	return p.speed(ctx, b, v)
}

// pair is a primary and its replica.
type pair struct {
	primary, replica *rival.Redis
	version          string
}

func open(ctx context.Context, room *rival.Room, v systems.Values) (p pair, err error) {
	fsync := ""
	switch {
	case v.Text(rival.Knob) == Durable && v.Text(rival.KnobMutant) == mutantNoFsync:
		fsync = "no"
	case v.Text(rival.Knob) == Durable:
		fsync = "always"
	}
	if p.primary, err = room.Redis(ctx, primaryName, rival.RedisOptions{Fsync: fsync}); err != nil {
		return p, err
	}
	p.version = room.Version()
	p.replica, err = room.Redis(ctx, replicaName, rival.RedisOptions{Fsync: fsync, Of: p.primary})
	return p, err
}

// launch is the loader in a process of its own.
func (p pair) launch(b systems.Bench, v systems.Values, more ...string) systems.Launch {
	set := b.Setting()
	return systems.Launch{Role: rival.RoleLoader, Name: rival.RoleLoader, Args: append(v.Args(knobClients), append([]string{
		"--warmup", set.Warmup.String(), "--length", set.Length.String(), "--seed", strconv.FormatUint(set.Seed, 10), "--json",
		"--redis", p.primary.Endpoint, "--wait=" + strconv.FormatBool(v.Text(KnobWait) == "on" && v.Text(rival.KnobMutant) != mutantNoWait),
	}, more...)...)}
}

// speed measures without faults, and holds the balances of both servers against
// what the clients were told.
func (p pair) speed(ctx context.Context, b systems.Bench, v systems.Values) (o record.Observation, err error) {
	meter, err := rival.StartMeter(ctx, false, p.primary, p.replica)
	if err != nil {
		return o, err
	}
	var r report
	if err := driver.Await(ctx, b, p.launch(b, v), &r); err != nil {
		return o, err
	}
	h, err := p.after(ctx, r, v)
	if err != nil {
		return o, err
	}
	r.Observe(&o, driver.Closed)
	meter.Observe(&o, r.Window.OK)
	o.Evidence.Facts[rival.FactWrites] = float64(h.Calls["incrby"])
	o.Verdict = h.judge()
	return o, systems.KeepHistory(b, h)
}

// after asks both servers what they hold, once the replica has all.
func (p pair) after(ctx context.Context, r report, v systems.Values) (history, error) {
	h := history{
		Version: p.version,
		Load:    r.Checks, Done: r.Done, Wait: v.Text(KnobWait) == "on", Durable: v.Text(rival.Knob) == Durable, Calls: make(map[string]int64),
	}
	if err := p.primary.Settle(ctx); err != nil {
		return h, err
	}
	for _, s := range []*rival.Redis{p.primary, p.replica} {
		balances, err := balances(ctx, s, len(r.Done))
		if err != nil {
			return h, err
		}
		fsync, err := s.Setting(ctx, "appendfsync")
		if err != nil {
			return h, err
		}
		on, err := s.Setting(ctx, "appendonly")
		if err != nil {
			return h, err
		}
		h.Servers = append(h.Servers, server{Name: s.Name(), Balances: balances, Fsync: fsync, AppendOnly: on})
	}
	for _, command := range []string{"incrby", "wait"} {
		var err error
		if h.Calls[command], err = p.primary.Calls(ctx, command); err != nil {
			return h, err
		}
	}
	return h, nil
}

func balances(ctx context.Context, s *rival.Redis, clients int) (out []int64, err error) {
	words := []string{"MGET"}
	for i := range clients {
		words = append(words, balanceKey(i))
	}
	answer, err := s.Ask(ctx, words...)
	if err != nil {
		return nil, err
	}
	list, _ := answer.([]any)
	for _, a := range list {
		text, _ := a.(string) // nil: no deposit yet
		n, _ := strconv.ParseInt("0"+text, 10, 64)
		out = append(out, n)
	}
	return out, nil
}

// failover measures what happens when the primary is gone, for good or for a time.
func (p pair) failover(ctx context.Context, b systems.Bench, room *rival.Room, v systems.Values) (o record.Observation, err error) {
	watch, err := room.Sentinels(ctx, sentinels, p.primary, int(downAfter.Milliseconds()))
	if err != nil {
		return o, err
	}
	var addrs []string
	for _, s := range watch {
		addrs = append(addrs, s.Endpoint)
	}
	set := b.Setting()
	at := set.Warmup + lead
	f, err := inject.Open(b, fmt.Sprintf("%s %s@%v..%v", v.Text(rival.KnobFault), primaryName, at, at+awayFor))
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	f.Add(p.primary)
	began := time.Now()
	strikes, err := f.Begin(ctx)
	if err != nil {
		return o, err
	}
	var r report
	err = driver.Await(ctx, b, p.launch(b, v, "--sentinels", strings.Join(addrs, ",")), &r)
	struck, endErr := strikes.End()
	if err := errors.Join(err, endErr); err != nil {
		return o, err
	}
	s, err := survive(ctx, watch[0], len(r.Done))
	if err != nil {
		return o, err
	}
	s.Missed, s.StruckUnixNS = strikes.Missed(), began.UnixNano()
	if len(struck) > 0 {
		s.StruckUnixNS += int64(struck[0].At)
	}
	s.report(&o, r)
	h := history{Version: p.version, Load: r.Checks, Done: r.Done, Failover: &s}
	o.Verdict = h.judge()
	return o, systems.KeepHistory(b, h)
}
