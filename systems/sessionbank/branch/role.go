package branch

import (
	"context"
	"errors"
	"math"
	"time"

	"dyno/internal/branches/group"
	"dyno/internal/replica"
	"dyno/internal/rpc"
	sessionbankv1 "dyno/proto/sessionbank/v1"
	"dyno/systems"
)

// Role is the role branch.
var Role = systems.Role{Serves: true, Probe: sessionbankv1.SessionBankService_Query_FullMethodName, Command: systems.Command{
	Name:    "branch",
	Summary: "one branch: holds a replica of the account, serves sessions, propagates their writes",
	Example: "dyno sessionbank branch --id 1 --listen 127.0.0.1:50051 --peers 2=127.0.0.1:50052 --balance 400",
	Setup:   setup,
}}

func setup(fs systems.FlagSet) func(context.Context, systems.Shell) error {
	opt := Options{}
	id := fs.Int("id", 0, "the branch's own `N`, 1 or more")
	listen := fs.String("listen", "127.0.0.1:0", "HOST:PORT to serve on; port 0 takes a free one")
	var peers group.Peers
	fs.Var(&peers, "peers", "where the other branches are: `1=HOST:PORT,2=HOST:PORT`; @FILE in place of HOST:PORT: read it there")
	fs.Int64Var(&opt.Balance, "balance", 0, "at the beginning, the same at all branches")
	fs.StringVar(&opt.Dir, "data", "", "`DIR` of the journal; empty: nothing outlives the process")
	fs.DurationVar(&opt.Wait, "wait", DefaultWait, "how long a request may wait for the branch to catch up, at most")
	return func(ctx context.Context, sh systems.Shell) error {
		switch {
		case *id < 1 || *id > math.MaxInt32:
			return systems.Usagef("--id %d: give the branch a number of 1 or more", *id)
		case opt.Balance < 0:
			return systems.Usagef("--balance %d: it is below 0", opt.Balance)
		case opt.Wait <= 0:
			return systems.Usagef("--wait %v: give a positive time", opt.Wait)
		}
		opt.ID = replica.ID(*id)
		opt.Peers = peers.Without(opt.ID)
		opt.Log = sh.Log().With("branch", *id)
		b, err := Open(opt)
		if err != nil {
			return err
		}
		return b.Serve(ctx, rpc.Options{Listen: *listen, Ready: func(addr string) {
			opt.Log.Info("serving", "address", addr)
			sh.Ready(addr)
		}})
	}
}

// stopGrace is generous: streams of other branches end at once, unless the machine
// is too busy to.
const stopGrace = 10 * time.Second

// Serve answers until ctx ends, or the branch cannot go on, and closes it.
func (b *Branch) Serve(ctx context.Context, o rpc.Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	b.running.Go(func() {
		select {
		case <-ctx.Done():
		case <-b.Failed():
		case <-b.Stopped():
		}
		cancel()
	})
	o.Log = b.opt.Log
	o.BeforeStop = func(context.Context) { b.Stop() }
	o.Grace = stopGrace
	o.Deadline = max(rpc.DefaultDeadline, b.opt.Wait+time.Second)
	err := rpc.Serve(ctx, o, b.Register)
	cancel()
	return errors.Join(err, b.Close())
}
