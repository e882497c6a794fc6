package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync/atomic"

	"dyno/bench/driver"
	"dyno/bench/load"
	"dyno/internal/record"
)

// payReport is what the load brought.
type payReport struct {
	driver.Report
	Forced      uint64 `json:"forced"`      // syncs of the decision log
	Connections int    `json:"connections"` // to each cluster
	Replayed    int    `json:"replayed"`    // payments that were asked for again, and answered from memory
	Aborted     int64  `json:"aborted"`     // attempts that were, and followed by another one
}

// payer is the flags of pay.
type payer struct {
	flags             *driver.Flags
	clusters          string
	clients, accounts int
	connections       int
	acks, log, mutant string
}

func pay(fs *flag.FlagSet) func(context.Context) (any, error) {
	p := &payer{flags: driver.BindFlags(fs)}
	fs.StringVar(&p.clusters, "clusters", "", "HOST:PORT of the clusters, separated by a comma: one, or two")
	fs.IntVar(&p.clients, "clients", 32, "payments in flight")
	fs.IntVar(&p.accounts, "accounts", 10_000, "accounts in each cluster, from 1")
	fs.IntVar(&p.connections, "connections", 0, "connections to each cluster; 0: one for each payment in flight, at most 128")
	fs.StringVar(&p.acks, "acks", "acks", "file to which each acknowledged payment is appended")
	fs.StringVar(&p.log, "log", "decisions", "folder of the decision log")
	fs.StringVar(&p.mutant, "mutant", "none", "what the coordinator does wrong: none, or no-log: decisions are not logged")
	return func(ctx context.Context) (any, error) { return p.run(ctx) }
}

func (p *payer) run(ctx context.Context) (r payReport, err error) {
	if err := p.flags.Check(); err != nil {
		return r, err
	}
	acks, err := os.OpenFile(p.acks, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return r, err
	}
	defer acks.Close()
	r.Connections = p.connections
	if r.Connections == 0 {
		r.Connections = min(p.clients, mostConnections)
	}
	g, err := openGateway(ctx, strings.Split(p.clusters, ","), r.Connections, p.log, p.mutant)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	loop, err := p.flags.Loop(driver.Closed, driver.Model{Clients: p.clients})
	if err != nil {
		return r, err
	}
	var first load.FirstError
	numbers := make([]int, p.clients)
	var last atomic.Pointer[payment]
	meter := driver.StartMeter(p.flags.Warmup, p.flags.Length)
	sum, err := loop(ctx, func(ctx context.Context, client int) (int32, record.Outcome) {
		m := p.draw(client, numbers[client], len(g.pool.addrs))
		numbers[client]++
		outcome, err := g.persist(ctx, m)
		if err != nil {
			first.Note(err.Error())
			return -1, outcome
		}
		last.Store(&m)
		if _, err := fmt.Fprintf(acks, "%s %d %d %d\n", m.key, m.from, m.to, m.amount); err != nil {
			first.Note(err.Error())
			return -1, record.Unknown
		}
		return int32(m.source), record.OK
	})
	sum.FirstError = first.String()
	r.Report = driver.Report{Summary: sum}
	r.Meter(meter)
	g.drain()
	if m := last.Load(); m != nil && err == nil { // a client that has lost its answer asks again
		if outcome, err := g.pay(ctx, *m); err == nil && outcome == record.OK {
			r.Replayed++
		}
	}
	r.Forced, r.Aborted = g.syncs(), g.aborted.Load()
	return r, err
}

// payment is one order.
type payment struct {
	key      string
	source   int // the cluster of the account that pays; the other one receives
	from, to int
	amount   int64
}

// maxAmount bounds an amount, in minor units.
const maxAmount = 100

// draw makes a client's n-th payment, the same for the same seed.
func (p *payer) draw(client, n, clusters int) payment {
	r := rand.New(rand.NewPCG(p.flags.Seed, uint64(client)<<32|uint64(n)))
	m := payment{
		key: fmt.Sprintf("%d-%d", client, n), source: r.IntN(clusters),
		from: 1 + r.IntN(p.accounts), to: 1 + r.IntN(p.accounts), amount: 1 + r.Int64N(maxAmount),
	}
	if clusters == 1 && m.from == m.to {
		m.to = m.from%p.accounts + 1
	}
	return m
}
