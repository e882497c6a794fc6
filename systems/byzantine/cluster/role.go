package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"google.golang.org/grpc"

	"dyno/bench/lie"
	"dyno/internal/rpc"
	byzantinev1 "dyno/proto/byzantine/v1"
	"dyno/systems"
	"dyno/systems/byzantine/play"
)

// RoleName is that of the role.
const RoleName = "general"

// Role is one general in a process of its own.
func Role() systems.Role {
	return systems.Role{Serves: true, Probe: byzantinev1.GeneralService_Muster_FullMethodName, Command: systems.Command{
		Name:    RoleName,
		Summary: "is one general: waits for its part in a run and plays it with the others",
		Example: "dyno byzantine general --keys general-0.json --listen 127.0.0.1:7000",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			listen := fs.String("listen", "127.0.0.1:0", "HOST:PORT to serve on; port 0 takes a free one")
			path := fs.String("keys", "", "file with the keys that it shares with the others and with the runner")
			v := play.Knobs.Bind(fs, play.KnobLie)
			return func(ctx context.Context, sh systems.Shell) error {
				if *path == "" {
					return systems.Usagef("--keys is missing: a general needs the file that the runner makes for it")
				}
				keys, err := readKeys(*path)
				if err != nil {
					return err
				}
				return serveGeneral(ctx, sh, *listen, &post{keys: keys, lie: v.Text(play.KnobLie), dial: rpc.Dial})
			}
		},
	}}
}

func serveGeneral(ctx context.Context, sh systems.Shell, listen string, p *post) error {
	keys := p.keys
	defer p.leave()
	return rpc.Serve(ctx, rpc.Options{
		Listen: listen,
		Ready: func(addr string) {
			fmt.Fprintf(sh.Err, "general %d of %d listens on %s\n", keys.Me, len(keys.Peers), addr)
			sh.Ready(addr)
		},
		BeforeStop: func(context.Context) { p.leave() },
		Server:     []grpc.ServerOption{grpc.ChainUnaryInterceptor(keys.demandProof)},
	}, func(r grpc.ServiceRegistrar) { byzantinev1.RegisterGeneralServiceServer(r, p) })
}

// die kills the own process without warning, as a crash would.
func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // until the signal arrives
}

// OwnCPU is the processor time of this process so far.
func OwnCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0 // cannot fail with these arguments
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Once fights a single run with fresh processes.
func Once(ctx context.Context, sh systems.Shell, b play.Run) (o *play.Outcome, err error) {
	setting := systems.Setting{Seed: b.Seed}
	_, bench, closeBench, err := sh.Bench(ctx, setting)
	if err != nil {
		return nil, err
	}
	defer func() {
		// Generals that died are part of the story.
		if closed := closeBench(); o == nil || o.Lost == 0 {
			err = errors.Join(err, closed)
		}
	}()
	// Not the bench's own context: that ends when a process dies that nobody
	// stopped, and the others are to go on without it.
	a, err := Start(ctx, bench, b.N, lie.None)
	if err != nil {
		return nil, err
	}
	o, err = a.Play(ctx, b)
	if err != nil {
		return nil, errors.Join(err, a.Disconnect())
	}
	return o, a.Stop(ctx, o.Lost)
}
