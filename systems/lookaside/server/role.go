package server

import (
	"context"
	"errors"
	"flag"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"dyno/bench/queue"
	"dyno/internal/rpc"
	lookasidev1 "dyno/proto/lookaside/v1"
	"dyno/systems"
	"dyno/systems/lookaside/core/balancer"
	"dyno/systems/lookaside/core/seed"
	"dyno/systems/lookaside/directory"
)

// DrainGrace is what a server that is told to stop has to finish what it has.
const DrainGrace = 30 * time.Second

// options are the server role's flags.
type options struct {
	reach    *systems.Reach
	id       string
	after    string
	capacity float64
	seed     uint64
	orca     bool
	knobs    systems.Values
	work     func() error // checks what a request is
	open     func(systems.Shell) (*directory.Directory, error)
}

// Role is the role server.
func Role(knobs systems.Knobs) systems.Role {
	return systems.Role{Serves: true, Probe: lookasidev1.ComputeService_Compute_FullMethodName, Command: systems.Command{
		Name:    "server",
		Summary: "does the work, one request at a time, and tells the balancer how busy it is",
		Example: "dyno lookaside server --id s1 --capacity 1 --discovery etcd://127.0.0.1:2379",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			o := &options{open: directory.DiscoveryFlags(fs)}
			o.reach = systems.BindReach(fs, "127.0.0.1:0", "HOST:PORT to serve on; port 0 takes a free one")
			fs.StringVar(&o.id, "id", "", "its name; of two servers with one name, the later counts")
			fs.StringVar(&o.after, "after", "", "register only once the server of this name has, so that many started at once come in a known order")
			fs.Float64Var(&o.capacity, "capacity", 1, "speed relative to a normal server: 0.2 serves five times slower")
			fs.Uint64Var(&o.seed, "seed", 1, "together with --id, where its service times come from")
			fs.BoolVar(&o.orca, "orca", false, "tell the load with each answer too, as grpc-go's weighted_round_robin wants it")
			o.knobs = knobs.Bind(fs, "service-time", "cpu", "distribution", "report-interval")
			o.work = OneWork(fs, o.knobs)
			return o.run
		},
	}}
}

func (o *options) check() error {
	for flag, name := range map[string]string{"--id": o.id, "--after": o.after} {
		if strings.Contains(name, "/") || len(name) > balancer.MaxName {
			return systems.Usagef("%s %q: give a name of at most %d bytes without slashes", flag, name, balancer.MaxName)
		}
	}
	if o.id == "" {
		return systems.Usagef("--id is missing: give the server a name, for example --id s1")
	}
	if !(o.capacity >= balancer.MinCapacity && o.capacity <= balancer.MaxCapacity) {
		return systems.Usagef("--capacity %v: give a number from %v to %v", o.capacity, balancer.MinCapacity, balancer.MaxCapacity)
	}
	if o.knobs.Duration("report-interval") == 0 {
		return systems.Usagef("--report-interval 0: give at least 1ms")
	}
	return errors.Join(o.reach.Check(), o.work())
}

func (o *options) run(ctx context.Context, sh systems.Shell) error {
	if err := o.check(); err != nil {
		return err
	}
	burn := uint32(0)
	if cpu := o.knobs.Duration("cpu"); cpu > 0 {
		burn = calibrate(time.Duration(float64(cpu) / o.capacity))
	}
	dist, err := queue.NewDistribution(o.knobs.Text("distribution"), o.knobs.Duration("service-time"))
	if err != nil {
		return &systems.UsageError{Err: err}
	}
	dir, err := o.open(sh)
	if err != nil {
		return err
	}
	defer dir.Close()
	name := fnv.New64a()
	_, _ = name.Write([]byte(o.id))
	st, err := newStation(queue.NewFCFS(o.capacity, dist, rand.New(rand.NewPCG(seed.Mix(o.seed, name.Sum64()), seed.Service))), maxWaiting)
	if err != nil {
		return err
	}
	s := &shell{id: o.id, instance: directory.NewInstance(), capacity: o.capacity, station: st, burn: burn}
	s.service = time.Duration(float64(dist.Mean) / o.capacity)
	var serving sync.WaitGroup
	defer serving.Wait()
	defer st.Close()
	serving.Go(st.Run)
	return s.serve(ctx, sh, dir, o)
}

// serve answers until the context ends. Then the server drains: it tells the
// balancer, leaves the directory, and finishes what it has.
func (s *shell) serve(ctx context.Context, sh systems.Shell, dir *directory.Directory, o *options) error {
	life, end := context.WithCancel(context.WithoutCancel(ctx)) // of what goes on while it drains
	var background, announced sync.WaitGroup
	defer background.Wait()
	defer announced.Wait()
	defer end()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	f := directory.NewFinder(dir)
	defer f.Close()
	var r *reporter
	return rpc.Serve(ctx, rpc.Options{
		Listen: o.reach.Listen,
		Log:    dir.Log,
		Grace:  DrainGrace,
		Server: append(rpc.FixedWindowsServed(), s.orca(o.orca)...),
		Ready: func(addr string) {
			addr = o.reach.At(addr)
			r = newReporter(s, addr, o.knobs.Duration("report-interval"), f, dir.Log)
			background.Go(func() { f.Run(life) })
			background.Go(func() { r.run(life) })
			turn := sync.OnceFunc(func() { // the other may be gone when this one registers again
				if o.after != "" {
					dir.Await(ctx, dir.ServerPrefix(o.after))
				}
			})
			v := directory.Value{Address: addr, Capacity: s.capacity}
			announced.Go(func() { dir.Announce(ctx, dir.ServerPrefix(s.id)+s.instance, v, turn, r.revision.Set) })
			dir.Log.Info("serving", "server", s.id, "address", addr)
			sh.Ready(addr)
		},
		BeforeStop: func(grace context.Context) {
			r.drain(grace)
			announced.Wait()
		},
	}, s.register)
}

// OneWork returns a check that not both kinds of work were asked for: that
// --service-time was not given together with --cpu, whatever its default.
func OneWork(fs systems.FlagSet, knobs systems.Values) func() error {
	model := fs.Lookup("service-time")
	given := &givenFlag{Value: model.Value}
	model.Value = given
	return func() error {
		modelled, cpu := knobs.Duration("service-time"), knobs.Duration("cpu")
		if !given.set || cpu == 0 || modelled == 0 {
			return nil
		}
		return systems.Usagef("--service-time %v and --cpu %v: give one of them; a request takes modelled time or real work", modelled, cpu)
	}
}

// givenFlag notes that a flag was given. The set of flags itself does not know:
// the command line parses a copy.
type givenFlag struct {
	flag.Value
	set bool
}

// Set implements [flag.Value].
func (g *givenFlag) Set(text string) error {
	g.set = true
	return g.Value.Set(text)
}

// Type is what help calls the flag's value.
func (g *givenFlag) Type() string {
	if t, ok := g.Value.(interface{ Type() string }); ok {
		return t.Type()
	}
	return "value"
}
