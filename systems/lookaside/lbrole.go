package lookaside

import (
	"context"
	"math/rand/v2"
	"sync"

	"dyno/internal/rpc"
	"dyno/systems"
	"dyno/systems/lookaside/core/balancer"
	"dyno/systems/lookaside/core/policy"
)

// balancerFlags are those of the lb role.
type balancerFlags struct {
	listen string
	seed   uint64
	knobs  systems.Values
	open   func(systems.Shell) (*directory, error)
}

func balancerRole() systems.Role {
	return systems.Role{Serves: true, Command: systems.Command{
		Name:    "lb",
		Summary: "the look-aside load balancer: keeps the servers' state and answers who is to serve next",
		Example: "dyno lookaside lb --policy least_load --listen 127.0.0.1:7000 --discovery etcd://127.0.0.1:2379",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			f := &balancerFlags{open: discoveryFlags(fs)}
			fs.StringVar(&f.listen, "listen", "127.0.0.1:0", "HOST:PORT to serve on; port 0 takes a free one")
			fs.Uint64Var(&f.seed, "seed", 1, "all random choices come from it")
			f.knobs = bind(fs, "policy", "report-interval", "mutant")
			return f.run
		},
	}}
}

func (f *balancerFlags) run(ctx context.Context, sh systems.Shell) error {
	name := f.knobs.Text("policy")
	m, err := policy.Lookup(name)
	if err != nil {
		return &systems.UsageError{Err: err}
	}
	dir, err := f.open(sh)
	if err != nil {
		return err
	}
	defer dir.close()
	b := newBalancerServer(name, balancer.New(balancer.Config{
		Policy: policy.Mutate(m.New(), f.knobs.Text("mutant")), Promise: m.Shares, Interval: f.knobs.Duration("report-interval"), Service: dir.service,
		Rand: rand.New(rand.NewPCG(f.seed, streamBalancer)),
	}), dir.log)
	b.service = dir.service
	return b.serve(ctx, sh, dir, f.listen)
}

// serve answers until the context ends. The balancer announces itself only
// once it has read who serves, so that nobody finds it empty after a restart.
func (b *balancerServer) serve(ctx context.Context, sh systems.Shell, dir *directory, listen string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var background sync.WaitGroup
	defer background.Wait()
	defer cancel() // before the wait, whatever ended Serve
	b.probes.run(ctx, &background, b.probed)
	known := make(chan struct{})
	var once sync.Once
	background.Go(func() {
		dir.follow(ctx, dir.servers(), func(entries []entry, revision int64) {
			b.apply(entries, revision)
			once.Do(func() { close(known) })
		})
	})
	var announced sync.WaitGroup
	return rpc.Serve(ctx, rpc.Options{
		Listen: listen,
		Log:    dir.log,
		Ready: func(addr string) {
			announced.Go(func() {
				select {
				case <-known:
					dir.announce(ctx, dir.balancers()+newInstance(), entryValue{Address: addr}, func(int64) {})
				case <-ctx.Done():
				}
			})
			dir.log.Info("serving", "policy", b.policy, "address", addr)
			sh.Ready(addr)
		},
		BeforeStop: func(context.Context) {
			announced.Wait() // ctx has ended: the entry is being taken away
			close(b.stopping)
		},
	}, b.register)
}
