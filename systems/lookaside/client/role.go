package client

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"time"

	"dyno/bench/driver"
	"dyno/bench/lie"
	"dyno/bench/load"
	"dyno/bench/sample"
	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/lookaside/core/service"
	"dyno/systems/lookaside/directory"
)

// options are the client role's flags.
type options struct {
	knobs    systems.Values
	clients  int
	requests int64
	warmup   time.Duration
	length   time.Duration
	rounds   uint
	timeout  time.Duration
	attempt  time.Duration
	search   bool
	goal     *load.Goal
	through  string
	seed     uint64
	json     bool
	calls    int
	allowed  record.Share
	where    *directory.Flags
}

// What flags are when they are not given.
const (
	DefaultLength  = 10 * time.Second
	defaultProbe   = 2 * time.Second
	defaultRounds  = 16
	defaultAttempt = 10 * time.Second
	maxCalls       = 1000
)

// Role is the role client.
func Role(knobs systems.Knobs) systems.Role {
	return systems.Role{Command: systems.Command{
		Name:    "client",
		Summary: "clients in a closed or an open loop: ask the balancer, send the work, verify the answer",
		Example: "dyno lookaside client --discovery etcd://127.0.0.1:2379 --clients 10 --requests 1000\n" +
			"dyno lookaside client --discovery etcd://127.0.0.1:2379 --rate 200 --length 5s\n" +
			"dyno lookaside client --discovery etcd://127.0.0.1:2379 --search --from 100 --to 1000 --p99-below 200ms --length 2s",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			o := &options{where: directory.Bind(fs,
				"where the balancer is announced: etcd://HOST:PORT[,HOST:PORT]... or dns://RESOLVER/NAME (SRV, or A with port "+directory.DNSPort+")")}
			o.knobs = knobs.Bind(fs, "rate", "mode", "choose", "lie", "retries", "reserve")
			fs.IntVar(&o.clients, "clients", 1, "how many, each with one request at a time; without meaning with --rate")
			fs.Int64Var(&o.requests, "requests", 0, "stop after so many in all, instead of --length")
			fs.DurationVar(&o.warmup, "warmup", 0, "load before the measured window")
			fs.DurationVar(&o.length, "length", 0,
				fmt.Sprintf("of the measured window; without it and without --requests %v, of each probe of a search %v", DefaultLength, defaultProbe))
			fs.UintVar(&o.rounds, "rounds", defaultRounds, fmt.Sprintf("of hashing in a request, at most %d", service.MaxRounds))
			fs.DurationVar(&o.timeout, "timeout", 3*defaultAttempt, "for a request, looking for the balancer and other servers included")
			fs.DurationVar(&o.attempt, "attempt", defaultAttempt, "for one server to answer, before another one is tried")
			fs.StringVar(&o.through, "through", "", "HOST:PORT of a proxy in front of the servers, to which all requests go, instead of --mode")
			fs.Uint64Var(&o.seed, "seed", 1, "all requests come from it")
			fs.BoolVar(&o.search, "search", false,
				"look for the highest rate between --from and --to that keeps to --p99-below, by open loops of --warmup and --length each")
			o.goal = load.BindGoal(fs)
			fs.BoolVar(&o.json, "json", false, "print everything as JSON, and judge nothing")
			fs.IntVar(&o.calls, "calls", 0, fmt.Sprintf("of each client that --json tells one by one, the first ones; at most %d", maxCalls))
			o.allowed = record.DefaultMaxFailures
			fs.Var(&o.allowed, "max-failures", driver.MaxFailuresHelp)
			return o.run
		},
	}}
}

// rate is that of an open loop; 0: a closed one.
func (o *options) rate() float64 { return o.knobs.Float("rate") }

// slots is how many requests can be under way at once.
func (o *options) slots() int {
	switch {
	case o.search:
		return load.MaxClients
	case o.rate() > 0:
		return load.DefaultMaxInFlight
	}
	return o.clients
}

// CheckRate refuses a number of requests in an open loop.
func CheckRate(rate float64, requests int64) error {
	if rate > 0 && requests > 0 {
		return systems.Usagef("--rate %v and --requests %d: give one of them; an open loop lasts for a time", rate, requests)
	}
	return nil
}

func (o *options) check() error {
	if err := errors.Join(CheckRate(o.rate(), o.requests), CheckMode(o.knobs)); err != nil {
		return err
	}
	switch {
	case o.search && (o.rate() > 0 || o.requests > 0):
		return systems.Usagef("--search tries rates of its own: give neither --rate nor --requests")
	case o.clients < 1 || o.clients > load.MaxClients:
		return systems.Usagef("--clients %d: give 1 to %d", o.clients, load.MaxClients)
	case o.requests < 0:
		return systems.Usagef("--requests %d must not be negative", o.requests)
	case o.requests > 0 && (o.warmup > 0 || o.length > 0):
		return systems.Usagef("--requests %d: give either that or --warmup and --length", o.requests)
	case o.rounds > service.MaxRounds:
		return systems.Usagef("--rounds %d: give at most %d", o.rounds, service.MaxRounds)
	case o.calls < 0 || o.calls > maxCalls:
		return systems.Usagef("--calls %d: give 0 to %d", o.calls, maxCalls)
	case o.timeout <= 0 || o.attempt <= 0:
		return systems.Usagef("--timeout %v and --attempt %v must be positive", o.timeout, o.attempt)
	}
	if err := systems.CheckWindow(o.warmup, cmp.Or(o.length, DefaultLength)); err != nil {
		return systems.Usagef("--%w", err)
	}
	return nil
}

func (o *options) run(ctx context.Context, sh systems.Shell) error {
	if err := o.check(); err != nil {
		return err
	}
	ch, err := o.channel(ctx, sh)
	if err != nil {
		return err
	}
	defer ch.close()
	a, err := o.drive(ctx, ch)
	if err != nil {
		return err
	}
	if o.json {
		return json.NewEncoder(sh.Out).Encode(a)
	}
	return a.print(sh.Out, o.allowed)
}

// channel finds the balancer, or the servers, and opens a channel.
func (o *options) channel(ctx context.Context, sh systems.Shell) (*channel, error) {
	if strings.HasPrefix(o.where.Discovery, directory.DNSScheme) {
		if mode := o.knobs.Text("mode"); mode != ModeAsk && mode != modeList {
			return nil, systems.Usagef("--discovery %s: DNS says where the balancer is, not the servers, which --mode %s needs: give "+
				"etcd://HOST:PORT",
				o.where.Discovery, mode)
		}
		n, err := directory.NewDNS(o.where.Discovery)
		if err != nil {
			return nil, err
		}
		return openBalanced(o.where.Service, n.Find, o)
	}
	dir, err := o.where.Open(sh)
	if err != nil {
		return nil, err
	}
	ch, err := openChannel(ctx, dir, o)
	if err != nil {
		dir.Close()
		return nil, err
	}
	ch.dir = dir
	return ch, nil
}

// drive runs the load through a channel.
func (o *options) drive(ctx context.Context, ch *channel) (*Summary, error) {
	c := newCaller(ch, *o)
	// From the outside the last interval would be missed: the process ends.
	sampler, err := sample.Start(ctx, []sample.Target{{Name: "self", PID: os.Getpid()}}, 0)
	if err != nil {
		return nil, err
	}
	sum, res, err := o.load(ctx, c)
	samples := sampler.Stop()
	if err != nil {
		return nil, err
	}
	a := c.summary(sum, res)
	a.Alone = ch.stats().Alone
	a.Reserve = ch.settle()
	if res != nil {
		a.Cores, a.CPUSlack = samples.Window("self", res.Begin, res.End).Cores, samples.Slack(res.Begin, res.End)
	}
	return &a, nil
}

// load sends as the flags say. The result is nil when that was a search.
func (o *options) load(ctx context.Context, c *caller) (load.Summary, *load.Result, error) {
	if o.search {
		goal, err := o.goal.Check()
		if err != nil {
			return load.Summary{}, nil, systems.Usagef("--search: %w", err)
		}
		sum, err := load.Search{
			Goal: goal, Arrivals: "poisson", Seed: o.seed, Warmup: o.warmup, Length: cmp.Or(o.length, defaultProbe), Timeout: o.timeout,
		}.Run(ctx, lie.Op(o.knobs.Text("lie"), c.do))
		return sum, nil, err
	}
	res, err := o.single(ctx, c)
	if err != nil {
		return load.Summary{}, nil, err
	}
	lie.Result(o.knobs.Text("lie"), &res)
	return res.Summary(), &res, nil
}

// single is one loop, open or closed.
func (o *options) single(ctx context.Context, c *caller) (load.Result, error) {
	length, op := cmp.Or(o.length, DefaultLength), lie.Op(o.knobs.Text("lie"), c.do)
	switch {
	case o.rate() > 0:
		return load.Open{
			Arrivals: "poisson", Rate: o.rate(), Seed: o.seed, Warmup: o.warmup, Length: length,
			Timeout: o.timeout, MaxInFlight: o.slots(), Each: c.within(o.warmup, length),
		}.Run(ctx, op)
	case o.requests > 0:
		return load.Closed{Clients: o.clients, Timeout: o.timeout, Requests: o.requests, Each: c.within(0, math.MaxInt64)}.Run(ctx, op)
	default:
		return load.Closed{
			Clients: o.clients, Timeout: o.timeout, Warmup: o.warmup, Length: length, Each: c.within(o.warmup, length),
		}.Run(ctx, op)
	}
}

// Model says in a few words how a load was offered.
func Model(l *load.Summary) string {
	if k := l.Knee; k != nil {
		return fmt.Sprintf("%s req/s held in open loops, %s to %s are the bracket after %d probes",
			load.PerSecond(k.Held), load.PerSecond(k.Low), load.PerSecond(k.High), len(k.Probes))
	}
	if s := l.Schedule; s != nil {
		return load.PerSecond(s.Rate) + " req/s in an open loop"
	}
	return fmt.Sprintf("%d clients in a closed loop", l.Clients)
}

// print writes a short summary for people; a check of the generator's that failed
// is an error, and so are wrong answers and more failures than are allowed.
func (a *Summary) print(w io.Writer, allowed record.Share) error {
	l := &a.Load
	fmt.Fprintf(w, "%s, %d requests: ok %d, refused %d, failed %d, unknown %d\n",
		Model(l), l.Counts.Sent, l.Counts.OK, l.Counts.Refused, l.Counts.Failed, l.Counts.Unknown)
	fmt.Fprintf(w, "%.1f req/s, response p50 %.1f ms, p99 %.1f ms, in flight %.1f\n",
		l.Throughput, float64(l.Latency.Quantile(0.5))/1e6, float64(l.Latency.Quantile(0.99))/1e6, l.InFlight)
	for _, s := range a.Servers {
		fmt.Fprintf(w, "%-8s %8d answers, at most %d at once\n", s.ID, s.Total.OK, s.MaxInFlight)
	}
	if err := driver.PrintQuality(w, l); err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	for i, c := range a.Clients {
		if c.Wrong > 0 {
			return fmt.Errorf("client %d had %d wrong answers: %s", i, c.Wrong, c.Reason)
		}
	}
	v := record.Judge(append(l.Checks, l.Failures().Check(allowed))...)
	if v.Status != record.Valid {
		return fmt.Errorf("the figures are not proved right: %s", strings.Join(v.Reasons(), "; "))
	}
	return nil
}
