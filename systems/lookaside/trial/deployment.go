package trial

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"dyno/internal/backoff"
	"dyno/internal/rpc"
	lookasidev1 "dyno/proto/lookaside/v1"
	"dyno/systems"
	"dyno/systems/lookaside/client"
	"dyno/systems/lookaside/rival"
	"dyno/systems/lookaside/simulator"
)

const (
	callTimeout   = 2 * time.Second       // of one question by the trial itself
	settleTimeout = 15 * time.Second      // for all servers to have registered and reported
	stopTimeout   = 10 * time.Second      // for all processes to end
	settlePause   = 10 * time.Millisecond // between two looks
	atOnce        = 4                     // processes that are being started
)

// Deployment is the system's processes in a trial.
type Deployment struct {
	Config
	bench     systems.Bench
	discovery string
	Started   time.Time
	Note      func(string) // tells of a fault
	registry  systems.Process

	mu      sync.Mutex // faults strike while others look
	lb      systems.Process
	lbs     int
	servers []systems.Process

	proxy   *rival.Proxy          // instead of the balancer; nil: none
	members []*lookasidev1.Server // as registered at the start, by index of servers
	noQuota error                 // why servers are not limited though they should be
}

// Deploy starts everything but the clients, and returns once the balancer has
// heard of and from every server.
func Deploy(ctx context.Context, b systems.Bench, c Config) (*Deployment, error) {
	d := &Deployment{Config: c, bench: b, Started: time.Now(), Note: func(string) {}, servers: make([]systems.Process, len(c.capacities))}
	addr, err := b.Address(ctx, "registry", "registry")
	if err != nil {
		return nil, err
	}
	d.discovery = "etcd://" + addr
	// Several at once, in this order, for starting a process is mostly waiting for it:
	// the registry, which all wait for, then the servers, for each registers only after
	// its predecessor.
	registry, balancer, errs := len(d.servers), len(d.servers)+1, make([]error, len(d.servers)+2)
	var all errgroup.Group
	all.SetLimit(atOnce)
	start := func(i int, f func() error) { all.Go(func() error { errs[i] = f(); return nil }) }
	start(registry, func() (err error) {
		d.registry, err = b.Start(ctx, systems.Launch{Role: "registry", Name: "registry", Args: []string{"--listen", addr}})
		return err
	})
	start(balancer, func() error { return d.startBalancer(ctx) })
	for i := range d.servers {
		start(i, func() (err error) {
			d.servers[i], err = b.Start(ctx, d.serverLaunch(i))
			return err
		})
	}
	_ = all.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if err := d.settle(ctx); err != nil {
		return nil, err
	}
	if err := cmp.Or(d.limit(), d.startProxy(ctx)); err != nil {
		return nil, err
	}
	b.Logf("%d servers, policy %s: ready after %v", len(d.servers), c.policy, time.Since(d.Started).Round(time.Millisecond))
	return d, nil
}

// limit puts the servers under their quota, now that they have started. Where
// that cannot be had, they go without, and the trial says so.
func (d *Deployment) limit() error {
	if d.Float("quota") == 0 {
		return nil
	}
	for _, s := range d.servers {
		l, ok := s.(systems.Limiter)
		if !ok {
			d.noQuota = systems.ErrNoQuota
			return nil
		}
		err := l.Limit(d.Float("quota"))
		if errors.Is(err, systems.ErrNoQuota) {
			d.noQuota = err
			d.bench.Logf("%v", err)
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// startProxy starts the rival in front of the servers, if there is to be one. It
// is ready when a question that no client asks is answered through it.
func (d *Deployment) startProxy(ctx context.Context) (err error) {
	if !rival.Asked(d.Values) {
		return nil
	}
	var servers []string
	for _, s := range d.servers {
		servers = append(servers, s.Addr())
	}
	d.proxy, err = rival.Start(ctx, d.bench, d.Values, servers, d.Duration("attempt"), func(ctx context.Context, addr string) error {
		_, err := ask(ctx, addr, "a server's counts", lookasidev1.NewComputeServiceClient,
			lookasidev1.ComputeServiceClient.GetStats, &lookasidev1.GetStatsRequest{})
		return err
	})
	return err
}

// startBalancer starts the first balancer, or the next one on another port.
func (d *Deployment) startBalancer(ctx context.Context) error {
	d.mu.Lock()
	d.lbs++
	name := "lb"
	if d.lbs > 1 {
		name += strconv.Itoa(d.lbs)
	}
	d.mu.Unlock()
	lb, err := d.bench.Start(ctx, systems.Launch{Role: "lb", Name: name, Args: d.args("policy", "mutant", "report-interval")})
	if err != nil {
		return err
	}
	d.mu.Lock()
	d.lb = lb
	d.mu.Unlock()
	return nil
}

// balancer is the balancer as of now.
func (d *Deployment) balancer() systems.Process {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.lb
}

// args are a role's, for some knobs and where everybody meets.
func (d *Deployment) args(knobs ...string) []string {
	return append(d.Args(knobs...), "--discovery", d.discovery, "--seed", strconv.FormatUint(d.seed, 10))
}

func (d *Deployment) serverLaunch(i int) systems.Launch {
	args := append(d.args("service-time", "cpu", "distribution", "report-interval"),
		"--id", simulator.ServerName(i), "--capacity", strconv.FormatFloat(d.capacities[i], 'g', -1, 64))
	if d.mode == client.ModeGRPC && d.Text("choose") == client.ChooseWeighted {
		args = append(args, "--orca")
	}
	if i > 0 {
		args = append(args, "--after", simulator.ServerName(i-1))
	}
	return systems.Launch{Role: "server", Name: simulator.ServerName(i), Args: args}
}

// toldCalls is how many of each client's calls are told one by one.
const toldCalls = "500"

// clientLaunch starts the clients for a given load.
func (d *Deployment) clientLaunch(load ...string) systems.Launch {
	timeout := 2*d.Duration("attempt") + 5*time.Second // time for a balancer to come back, and for another server
	args := append(d.args("clients", "rate", "mode", "choose", "lie", "retries", "reserve", "attempt"),
		"--timeout", timeout.String(), "--json")
	if len(d.bench.Setting().Impl) > 0 { // so that there is a story to tell
		args = append(args, "--calls", toldCalls)
	}
	if d.proxy != nil {
		args = append(args, "--through", d.proxy.Endpoint)
	}
	return systems.Launch{Role: "client", Name: "client", Args: append(args, load...)}
}

// Stop ends the processes in the order that lets each take its leave: servers
// drain towards the balancer, and all of them leave the directory.
func (d *Deployment) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	err := systems.StopAll(ctx, d.servers...)
	if d.proxy != nil {
		err = errors.Join(err, d.proxy.Room.Close())
	}
	return errors.Join(err, d.balancer().Stop(ctx), d.registry.Stop(ctx))
}

// settle waits until the balancer knows every server and its load.
func (d *Deployment) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, settleTimeout, fmt.Errorf("not all servers had registered after %v", settleTimeout))
	defer cancel()
	for {
		resp, err := d.Table(ctx)
		rows := resp.GetServers()
		if err == nil && len(rows) == len(d.servers) && heardOf(rows) {
			return d.admit(rows)
		}
		if backoff.Sleep(ctx, settlePause) != nil {
			return fmt.Errorf("%w: %w: %d of %d are registered (%w)", ctx.Err(), context.Cause(ctx), len(rows), len(d.servers),
				cmp.Or(err, errors.New("not all have reported")))
		}
	}
}

// admit keeps the registered servers, which must be in order.
func (d *Deployment) admit(rows []*lookasidev1.Server) error {
	for i, r := range rows {
		if r.GetId() != simulator.ServerName(i) {
			return fmt.Errorf("server %s registered as number %d", r.GetId(), i+1)
		}
	}
	d.members = rows
	return nil
}

// heardOf says that every server has reported its load.
func heardOf(rows []*lookasidev1.Server) bool {
	for _, r := range rows {
		if r.GetReportAgeNs() < 0 {
			return false
		}
	}
	return true
}

// ask asks a process what the trial itself wants to know.
func ask[C, Q, R any](
	ctx context.Context, addr, what string,
	client func(grpc.ClientConnInterface) C, call func(C, context.Context, Q, ...grpc.CallOption) (R, error), req Q,
) (r R, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	conn, err := rpc.Dial(addr)
	if err != nil {
		return r, err
	}
	defer conn.Close()
	if r, err = call(client(conn), ctx, req); err != nil {
		return r, fmt.Errorf("%s at %s: %w", what, addr, err)
	}
	return r, nil
}

// Table asks the balancer, as of now, for its table.
func (d *Deployment) Table(ctx context.Context) (*lookasidev1.ListServersResponse, error) {
	return ask(ctx, d.balancer().Addr(), "the balancer's table", lookasidev1.NewBalancerServiceClient,
		lookasidev1.BalancerServiceClient.ListServers, &lookasidev1.ListServersRequest{})
}

// disturb makes a server misbehave.
func disturb(ctx context.Context, addr string, d lookasidev1.Disturbance) error {
	_, err := ask(ctx, addr, "disturb the server", lookasidev1.NewComputeServiceClient,
		lookasidev1.ComputeServiceClient.Disturb, &lookasidev1.DisturbRequest{Disturbance: d})
	return err
}

// idleStats asks a server for its counts, until it has nothing left to do:
// what clients have given up on stays in a server for its service time. When
// the bound is reached the last counts are returned as they are.
func idleStats(ctx context.Context, addr string) (*lookasidev1.GetStatsResponse, error) {
	for end := time.Now().Add(idleBound); ; {
		st, err := ask(ctx, addr, "the counts of the server", lookasidev1.NewComputeServiceClient,
			lookasidev1.ComputeServiceClient.GetStats, &lookasidev1.GetStatsRequest{})
		if err != nil || st.GetInFlight() == 0 || time.Now().After(end) {
			return st, err
		}
		if err := backoff.Sleep(ctx, settlePause); err != nil {
			return nil, err
		}
	}
}
