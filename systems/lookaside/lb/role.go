package lb

import (
	"context"
	"math/rand/v2"
	"sync"

	"dyno/internal/rpc"
	lookasidev1 "dyno/proto/lookaside/v1"
	"dyno/systems"
	"dyno/systems/lookaside/core/balancer"
	"dyno/systems/lookaside/core/policy"
	"dyno/systems/lookaside/core/seed"
	"dyno/systems/lookaside/directory"
)

// options are those of the lb role.
type options struct {
	reach *systems.Reach
	seed  uint64
	knobs systems.Values
	open  func(systems.Shell) (*directory.Directory, error)
}

// Role is the role lb.
func Role(knobs systems.Knobs) systems.Role {
	return systems.Role{Serves: true, Probe: lookasidev1.BalancerService_ListServers_FullMethodName, Command: systems.Command{
		Name:    "lb",
		Summary: "the look-aside load balancer: keeps the servers' state and answers who is to serve next",
		Example: "dyno lookaside lb --policy least_load --listen 127.0.0.1:7000 --discovery etcd://127.0.0.1:2379",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			f := &options{open: directory.DiscoveryFlags(fs)}
			f.reach = systems.BindReach(fs, "127.0.0.1:0", "HOST:PORT to serve on; port 0 takes a free one")
			fs.Uint64Var(&f.seed, "seed", 1, "all random choices come from it")
			f.knobs = knobs.Bind(fs, "policy", "report-interval", "mutant")
			return f.run
		},
	}}
}

func (f *options) run(ctx context.Context, sh systems.Shell) error {
	if err := f.reach.Check(); err != nil {
		return err
	}
	name := f.knobs.Text("policy")
	m, err := policy.Lookup(name)
	if err != nil {
		return &systems.UsageError{Err: err}
	}
	dir, err := f.open(sh)
	if err != nil {
		return err
	}
	defer dir.Close()
	b := New(name, balancer.New(balancer.Config{
		Policy: policy.Mutate(m.New(), f.knobs.Text("mutant")), Promise: m.Audited(),
		Interval: f.knobs.Duration("report-interval"), Service: dir.Service, Rand: rand.New(rand.NewPCG(f.seed, seed.Balancer)),
	}), dir.Log)
	b.service = dir.Service
	return b.serve(ctx, sh, dir, f.reach)
}

// serve answers until the context ends. The balancer announces itself only
// once it has read who serves, so that nobody finds it empty after a restart.
func (b *Server) serve(ctx context.Context, sh systems.Shell, dir *directory.Directory, reach *systems.Reach) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var background sync.WaitGroup
	defer background.Wait()
	defer cancel() // before the wait, whatever ended Serve
	b.probes.run(ctx, &background, b.probed)
	_, known := b.complete.Get() // another revision than none
	background.Go(func() { dir.Follow(ctx, dir.ServersPrefix(), b.Apply) })
	var announced sync.WaitGroup
	return rpc.Serve(ctx, rpc.Options{
		Listen: reach.Listen,
		Log:    dir.Log,
		Server: rpc.FixedWindowsServed(),
		Ready: func(addr string) {
			addr = reach.At(addr)
			turn := func() {
				select {
				case <-known:
				case <-ctx.Done():
				}
			}
			announced.Go(func() {
				dir.Announce(ctx, dir.BalancersPrefix()+directory.NewInstance(), directory.Value{Address: addr}, turn, func(int64) {})
			})
			dir.Log.Info("serving", "policy", b.policy, "address", addr)
			sh.Ready(addr)
		},
		BeforeStop: func(context.Context) {
			announced.Wait() // ctx has ended: the entry is being taken away
			close(b.stopping)
		},
	}, b.register)
}
