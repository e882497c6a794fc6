package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"dyno/bench/agent"
	"dyno/bench/fleet"
	"dyno/internal/rpc"
	"dyno/systems"
)

// ofMachines connects to agents in this process, as a runner does, and watches.
func (c *constants) ofMachines(ctx context.Context, n int, length time.Duration) (err error) {
	keys, err := os.MkdirTemp("", "dyno-scale")
	if err != nil {
		return err
	}
	defer os.RemoveAll(keys)
	ca, err := rpc.NewAuthority(keys)
	if err != nil {
		return err
	}
	if err := errors.Join(ca.Issue(agent.NameAgent), ca.Issue(agent.NameRunner)); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	var serving sync.WaitGroup
	defer serving.Wait()
	defer stop()
	var machines []*agent.Machine
	for i := range n {
		addr, err := start(ctx, keys, &serving)
		if err != nil {
			return err
		}
		machines = append(machines, agent.NewMachine(fmt.Sprint(i), agent.Dialer(addr, keys, agent.NameRunner)))
	}
	f := fleet.New(machines...)
	defer func() { err = errors.Join(err, f.Close()) }()
	before, began := heap(), cpu()
	if err := f.Connect(ctx); err != nil {
		return err
	}
	c.connect = (cpu() - began) / time.Duration(n)
	c.memory = (heap() - before) / float64(n)
	began = cpu()
	select {
	case <-time.After(length):
	case <-ctx.Done():
		return ctx.Err()
	}
	c.heartbeat = time.Duration(float64(cpu()-began) / float64(n) / length.Seconds())
	few := fleet.New(machines[:min(n, 10)]...) // one after another
	pairs := time.Now()
	trips, err := few.Trips(ctx)
	c.exchange = time.Since(pairs) / time.Duration(max(1, len(trips)))
	return err
}

// start starts an agent that nobody will ask to run anything.
func start(ctx context.Context, keys string, serving *sync.WaitGroup) (addr string, err error) {
	id, err := rpc.LoadIdentity(keys, agent.NameAgent)
	if err != nil {
		return "", err
	}
	ready, ended := make(chan string, 1), make(chan error, 1)
	serving.Go(func() {
		ended <- agent.Serve(ctx, agent.Options{
			Advertise: "127.0.0.1", Logf: func(string, ...any) {},
			Lookup: func(string) *systems.System { return nil },
			RPC:    rpc.Options{TLS: id, Ready: func(addr string) { ready <- addr }},
		})
	})
	select {
	case addr = <-ready:
		return addr, nil
	case err := <-ended:
		return "", err
	}
}
