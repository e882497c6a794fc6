// Package generator is the role load: clients of the interface in a closed or an
// open loop, and a record of every request for whoever checks them.
package generator

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"dyno/bench/driver"
	"dyno/bench/load"
	"dyno/internal/record"
	"dyno/internal/rpc"
	standbyv1 "dyno/proto/standby/v1"
	"dyno/systems"
	"dyno/systems/standby/client"
	"dyno/systems/standby/config"
)

// Role is the generator's.
const Role = "load"

// MaxAmount is the largest amount that clients move; the smallest is 1.
const MaxAmount = 10

// New is the role.
func New() systems.Role {
	return systems.Role{Command: systems.Command{
		Name:    Role,
		Summary: "clients that save and withdraw, in a closed or an open loop; prints rate and latency",
		Example: "dyno standby load --config serverhost.config --accounts 8 --clients 32 --length 2s\n" +
			"dyno standby load --config serverhost.config --accounts 8 --stream --loop open --rate 1000",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			return declare(fs).run
		},
	}}
}

// Report is what it prints as JSON.
type Report struct {
	driver.Report
	Repeated int64 `json:"repeated"` // answers that were stored ones
	Lost     int64 `json:"lost"`     // requests that were told that what was seen is lost

	Stayed []Stay `json:"stayed,omitempty"` // what was acknowledged to the client who stays
}

// generator is one run.
type generator struct {
	*driver.Flags
	opt      client.Options
	kind     string
	clients  int
	rate     float64
	arrivals string
	accounts int
	lookups  float64
	history  string
	stays    string

	errors  load.FirstError
	callers []*caller
}

func declare(fs systems.FlagSet) *generator {
	g := &generator{Flags: driver.BindFlags(fs)}
	fs.StringVar(&g.opt.File, "config", config.DefaultFile, "`FILE` with the servers' addresses")
	fs.DurationVar(&g.opt.Attempt, "attempt", client.DefaultAttempt, "how long a server may take to answer before the other one is asked")
	fs.DurationVar(&g.opt.Bound, "bound", client.DefaultBound, "how long a request is tried")
	fs.BoolVar(&g.opt.Stream, "stream", false, "all clients share a stream; false: unary calls")
	fs.StringVar(&g.kind, "loop", driver.Closed, "closed: send when the last request is answered; open: send at --rate, come what may")
	fs.IntVar(&g.clients, "clients", 32, "clients of a closed loop")
	fs.Float64Var(&g.rate, "rate", 1000, "requests per second of an open loop")
	fs.StringVar(&g.arrivals, "arrivals", "poisson", "of an open loop: poisson or constant")
	fs.IntVar(&g.accounts, "accounts", 1,
		"accounts that are used: those called 1, 2, 3 and so on; client 1 uses the first, client 2 the second, round and round")
	fs.Float64Var(&g.lookups, "lookups", 0, "share of requests that only look, 0 to 1")
	fs.StringVar(&g.history, "history", "", "`FILE` to record every request in")
	fs.StringVar(&g.stays, "stay", "", "s1 or s2: one more client deposits at this server only, and waits however long that is silent")
	return g
}

func (g *generator) run(ctx context.Context, sh systems.Shell) (err error) {
	if err := g.Check(); err != nil {
		return err
	}
	if g.accounts < 1 || g.lookups < 0 || g.lookups > 1 || g.opt.Attempt <= 0 || g.opt.Bound <= 0 {
		return systems.Usagef("--accounts %d --lookups %v --attempt %v --bound %v: give at least 1 account, a share of 0 to 1, times above 0s",
			g.accounts, g.lookups, g.opt.Attempt, g.opt.Bound)
	}
	if err := g.checkStay(); err != nil {
		return err
	}
	if g.opt.Hosts, err = config.ReadHosts(g.opt.File); err != nil {
		return err
	}
	loop, err := g.Loop(g.kind, driver.Model{Clients: g.clients, Rate: g.rate, Arrivals: g.arrivals})
	if err != nil {
		return err
	}
	bank, err := client.Dial(g.opt)
	if err != nil {
		return err
	}
	defer bank.Close()
	r, err := g.drive(ctx, bank, loop)
	if err == nil && g.history != "" {
		err = WriteHistory(g.history, g.done())
	}
	if err != nil {
		return err
	}
	if g.JSON {
		return json.NewEncoder(sh.Out).Encode(r)
	}
	return r.Print(sh.Out, g.kind, g.MaxFailures)
}

// drive offers the load.
func (g *generator) drive(ctx context.Context, bank *client.Bank, loop driver.Loop) (r Report, err error) {
	g.callers = make([]*caller, load.MaxClients) // made when they are needed; none is ever used by two at once
	staying, leave := context.WithCancel(ctx)
	var aside sync.WaitGroup
	var errStay error
	if g.stays != "" {
		aside.Go(func() { r.Stayed, errStay = g.stay(staying) })
	}
	meter := driver.StartMeter(g.Warmup, g.Length)
	sum, err := loop(ctx, func(ctx context.Context, n int) (int32, record.Outcome) {
		if g.callers[n] == nil {
			g.callers[n] = &caller{
				generator: g, bank: bank, session: bank.Session(), account: int32(n % g.accounts), random: rand.New(rand.NewPCG(g.Seed, uint64(n))),
			}
		}
		return g.callers[n].call(ctx)
	})
	leave()
	aside.Wait()
	sum.FirstError = g.errors.String()
	r.Report = driver.Report{Summary: sum}
	r.Meter(meter)
	for _, c := range g.callers {
		if c != nil {
			r.Repeated, r.Lost = r.Repeated+c.repeated, r.Lost+c.lost
		}
	}
	return r, errors.Join(err, errStay)
}

func (g *generator) done() (all [][]Done) {
	for _, c := range g.callers {
		if c != nil {
			all = append(all, c.done)
		}
	}
	return all
}

// caller is one client of a closed loop, or one slot of an open one.
type caller struct {
	generator      *generator
	bank           *client.Bank
	session        *client.Session
	account        int32
	random         *rand.Rand
	done           []Done // kept if a history is asked for
	repeated, lost int64
}

// call does one request: a lookup now and then, otherwise as often a withdrawal
// as two deposits.
func (c *caller) call(ctx context.Context) (target int32, o record.Outcome) {
	d := Done{Account: c.account, Operation: Deposit, Amount: 1 + c.random.Int64N(MaxAmount), Server: -1}
	switch x := c.random.Float64(); {
	case x < c.generator.lookups:
		d.Operation, d.Amount = Lookup, 0
	case x < c.generator.lookups+(1-c.generator.lookups)/3:
		d.Operation = Withdraw
	}
	d.SeenEpoch, d.SeenAction = c.session.Seen()
	d.Begin = time.Now().UnixNano()
	r, err := c.session.Do(ctx, standbyv1.Operation(d.Operation), Account(d.Account), d.Amount)
	d.End = time.Now().UnixNano()
	d.Client, d.Number, d.Attempts = r.Client, r.Number, uint16(min(r.Attempts, 1<<16-1))
	if err != nil {
		target, o = -1, c.fail(&d, err)
	} else {
		d.Outcome, d.Balance, d.Epoch, d.Action, d.Repeated = uint8(r.GetOutcome()), r.GetBalance(), r.GetEpoch(), r.GetAction(), r.GetRepeated()
		if d.Server = 0; r.Server == config.S2 {
			d.Server = 1
		}
		if d.Repeated {
			c.repeated++
		}
		target, o = int32(d.Server), record.OK
	}
	if c.generator.history != "" {
		c.done = append(c.done, d)
	}
	return target, o
}

// fail notes why there is no answer. The next request is another client's, who
// has seen nothing.
func (c *caller) fail(d *Done, err error) record.Outcome {
	c.generator.errors.Note(err.Error())
	c.session = c.bank.Session()
	o := rpc.Outcome(err)
	switch lost, is := errors.AsType[*client.LostError](err); {
	case is:
		d.Ending, d.Epoch, d.Action = Lost, lost.Epoch, lost.Last
		c.lost++
	case o == record.Unknown:
		d.Ending = Unknown
	default:
		d.Ending = Refused
	}
	return o
}
