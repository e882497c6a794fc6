package rival

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"dyno/bench/deposit"
	"dyno/bench/driver"
	"dyno/bench/inject"
	"dyno/bench/rival"
	"dyno/internal/record"
	"dyno/systems"
)

// cluster is what stands instead of standby, whoever made it.
type cluster struct {
	servers []systems.Process // the first is the one that is struck
	spawns  bool
	load    systems.Launch // of the clients, without what all of them are told
	gone    []string       // what they are told besides when servers may be gone
	// after asks what the servers hold for so many clients when the load is over.
	after func(ctx context.Context, clients int, h *history) error
	// watch looks after the cluster while it is struck; nil: it does so itself.
	watch func(ctx context.Context)
	// survive asks who is left what it holds of so many clients.
	survive func(ctx context.Context, clients int) (survivor, error)
	end     func(ctx context.Context) error // nil: they end with the trial
}

// run measures somebody else instead of standby.
func run(ctx context.Context, b systems.Bench, v systems.Values) (o record.Observation, err error) {
	room, err := rival.Open(b)
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, room.Close()) }()
	open := map[string]func(context.Context, *rival.Room, systems.Values) (*cluster, error){ // here, not linked into roles
		Memory: openRedis, Durable: openRedis, Etcd: openEtcdCluster, Postgres: openPostgres,
	}[v.Text(rival.Knob)]
	c, err := open(ctx, room, v)
	if err != nil {
		return o, fmt.Errorf("standby's rival: %w", err)
	}
	h := history{Version: room.Version()}
	if v.Text(rival.KnobFault) != rival.None {
		err = c.failover(ctx, b, v, &o, &h)
	} else {
		err = c.speed(ctx, b, v, &o, &h)
	}
	if err != nil {
		return o, err
	}
	o.Verdict = h.judge()
	if c.end != nil {
		err = c.end(ctx)
	}
	return o, errors.Join(err, systems.KeepHistory(b, h))
}

// launch is the loader in a process of its own.
func (c *cluster) launch(b systems.Bench, v systems.Values, gone bool) systems.Launch {
	set, l := b.Setting(), c.load
	l.Args = append(l.Args, "--clients", v.Text(knobClients), "--warmup", set.Warmup.String(), "--length", set.Length.String(),
		"--seed", strconv.FormatUint(set.Seed, 10), "--json")
	if gone {
		l.Args = append(append(l.Args, "--gone"), c.gone...)
	}
	return l
}

// speed measures without faults, and holds the balances of all servers against
// what the clients were told.
func (c *cluster) speed(ctx context.Context, b systems.Bench, v systems.Values, o *record.Observation, h *history) error {
	meter, err := rival.StartMeter(ctx, c.spawns, c.servers...)
	if err != nil {
		return err
	}
	var r deposit.Report
	if err := driver.Await(ctx, b, c.launch(b, v, false), &r); err != nil {
		return err
	}
	h.Load, h.Done = r.Checks, r.Done
	h.Wait, h.Durable = v.Text(KnobWait) == "on", v.Text(rival.Knob) != Memory
	if err := c.after(ctx, len(r.Done), h); err != nil {
		return err
	}
	r.Observe(o, driver.Closed)
	meter.Observe(o, r.Window.OK)
	o.Evidence.Facts[rival.FactWrites] = float64(h.Writes)
	return nil
}

// failover measures what happens when the first server is gone, for good or for a time.
func (c *cluster) failover(ctx context.Context, b systems.Bench, v systems.Values, o *record.Observation, h *history) (err error) {
	set := b.Setting()
	at := set.Warmup + lead
	f, err := inject.Open(b, fmt.Sprintf("%s %s@%v..%v", v.Text(rival.KnobFault), c.servers[0].Name(), at, at+awayFor))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	f.Add(c.servers[0])
	began := time.Now()
	strikes, err := f.Begin(ctx)
	if err != nil {
		return err
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	if c.watch != nil {
		go c.watch(watching)
	}
	var r deposit.Report
	err = driver.Await(ctx, b, c.launch(b, v, true), &r)
	stop()
	struck, endErr := strikes.End()
	if err := errors.Join(err, endErr); err != nil {
		return err
	}
	s, err := c.survive(ctx, len(r.Done))
	if err != nil {
		return err
	}
	s.Missed, s.StruckUnixNS = strikes.Missed(), began.UnixNano()
	if len(struck) > 0 {
		s.StruckUnixNS += int64(struck[0].At)
	}
	s.report(o, r)
	h.Load, h.Done, h.Failover = r.Checks, r.Done, &s
	return nil
}

// The keys: a balance for each client, or a list of its writes, and the list of
// the client who stays.
func balanceKey(client int) string { return "account:" + strconv.Itoa(client) }
func listKey(client int) string    { return "writes:" + strconv.Itoa(client) }

const stayKey = "writes:stay"

func loaderRole(system string) systems.Role {
	return systems.Role{Command: systems.Command{
		Name:    rival.RoleLoader,
		Summary: "deposits at Redis or etcd, for trials that measure them beside the system",
		Example: "dyno " + system + " " + rival.RoleLoader + " --redis 127.0.0.1:6379 --clients 32 --length 2s",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			l := deposit.Load{Flags: driver.BindFlags(fs)}
			fs.IntVar(&l.Clients, knobClients, 32, "clients, each with one write in flight")
			redis := fs.String("redis", "", "HOST:PORT of Redis's primary")
			etcd := fs.String("etcd", "", "HOST:PORT of etcd's members, separated by commas, the leader first")
			wait := fs.Bool("wait", true, "ask for the replica's receipt of each write")
			sentinels := fs.String("sentinels", "", "HOST:PORT of sentinels, separated by commas: who the primary is, they say")
			fs.BoolVar(&l.Gone, "gone", false, "servers may be gone: try again, and tell writes apart")
			return func(ctx context.Context, sh systems.Shell) error {
				if err := l.Flags.Check(); err != nil {
					return err
				}
				switch {
				case (*redis == "") == (*etcd == ""):
					return systems.Usagef("%s: give --redis or --etcd, one of them", rival.RoleLoader)
				case *redis != "":
					redisLoad{addr: *redis, wait: *wait, sentinels: *sentinels}.set(&l)
				default:
					etcdLoad{members: strings.Split(*etcd, ",")}.set(&l)
				}
				r, err := l.Run(ctx)
				if err != nil {
					return err
				}
				if l.Flags.JSON {
					return json.NewEncoder(sh.Out).Encode(r)
				}
				return r.Print(sh.Out, driver.Closed, l.Flags.MaxFailures)
			}
		},
	}}
}
