// Package client is the customers of a trial, in a process of their own: each
// asks one branch for one thing after another, repeats what it does not know the
// outcome of under the same request id, and notes it all.
package client

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"dyno/bench/driver"
	"dyno/bench/history"
	"dyno/bench/lie"
	"dyno/bench/load"
	"dyno/internal/backoff"
	"dyno/internal/record"
	"dyno/internal/rpc"
	branchbankv1 "dyno/proto/branchbank/v1"
	"dyno/systems"
	"dyno/systems/branchbank/server"
)

// The knobs of the customers.
const (
	KnobQueries     = "queries"
	KnobWithdrawals = "withdrawals"
	KnobAmount      = "amount"
	KnobRepeats     = "repeats"
	KnobRoam        = "roam"
	KnobLie         = "lie"
)

// Knobs say what customers ask for.
var Knobs = systems.Knobs{
	{Name: KnobQueries, Default: "0.2", Type: systems.Float{Min: 0, Max: 1}, Help: "share of the operations that are queries"},
	{
		Name: KnobWithdrawals, Default: "0.5", Type: systems.Float{Min: 0, Max: 1},
		Help: "share of the others that are withdrawals, not deposits",
	},
	{
		Name: KnobAmount, Default: "10", Type: systems.Int{Min: 1, Max: 1_000_000},
		Help: "the largest amount, in whole units; each is drawn from 1 to this",
	},
	{
		Name: KnobRepeats, Default: "0", Type: systems.Float{Min: 0, Max: 1},
		Help: "share of the deposits and withdrawals that are asked for again under the same request id although they were answered",
	},
	{
		Name: KnobRoam, Default: "no", Type: systems.Choice{"no", "yes"},
		Help: "yes: a customer goes to the next branch for each operation; no: it stays with one",
	},
	{
		Name: KnobLie, Default: lie.None, Type: systems.Choice(lie.All),
		Help: "what is said falsely on purpose about what was measured, for the checks to find; none: nothing",
	},
}

const (
	// attempt bounds one call; a branch that hangs must not use up an operation's
	// time.
	attempt = time.Second
	// maxOps bounds what is noted.
	maxOps = 1 << 20
	// retryMost bounds the wait between two attempts.
	retryMost = 100 * time.Millisecond
)

// Report is what the process prints.
type Report struct {
	driver.Report
	Ops     []history.BankOp `json:"ops"`
	Zero    int64            `json:"zero_unix_ns"` // of the times in Ops
	Retries int64            `json:"retries"`      // attempts after the first ones
}

// Role is the customers.
func Role() systems.Role {
	return systems.Role{Command: systems.Command{
		Name:    "client",
		Summary: "is customers of branches in a closed or an open loop: checks the load, prints rate and latency",
		Example: "dyno branchbank client --branches 127.0.0.1:50001,127.0.0.1:50002 --clients 8 --length 2s",
		Setup:   setup,
	}}
}

func setup(fs systems.FlagSet) func(context.Context, systems.Shell) error {
	addresses := fs.String("branches", "", "`HOST:PORT,…` of the branches; customers are dealt out to them in turn")
	kind := fs.String("loop", driver.Closed, "closed: send when the last request is answered; open: send at --rate, come what may")
	f := driver.BindFlags(fs)
	generator := driver.Knobs("poisson")
	v := append(generator, Knobs...).Bind(fs, driver.KnobClients, driver.KnobRate, driver.KnobArrivals,
		KnobQueries, KnobWithdrawals, KnobAmount, KnobRepeats, KnobRoam, KnobLie)
	return func(ctx context.Context, sh systems.Shell) error {
		if *addresses == "" {
			return systems.Usagef("--branches is missing: give the addresses of the branches")
		}
		at := strings.Split(*addresses, ",")
		if err := cmp.Or(systems.HostPort("--branches", at...), f.Check()); err != nil {
			return err
		}
		loop, err := f.Loop(*kind, driver.Model{
			Clients: v.Int(driver.KnobClients), Rate: v.Float(driver.KnobRate), Arrivals: v.Text(driver.KnobArrivals),
			Wrap: func(l driver.Single) driver.Single { return lying{l, v.Text(KnobLie)} },
		})
		if err != nil {
			return err
		}
		zero := time.Now()
		c := &customers{recorder: history.NewRecorder[history.BankInput, history.BankOutput](maxOps, nil), knobs: v, seed: f.Seed}
		defer c.close()
		if err := c.dial(at); err != nil {
			return err
		}
		meter := driver.StartMeter(f.Warmup, f.Length)
		sum, err := loop(ctx, c.op)
		if err != nil {
			return err
		}
		sum.FirstError = c.errors.String()
		r := Report{Report: driver.Report{Summary: sum}, Zero: zero.UnixNano(), Retries: c.retried()}
		r.Meter(meter)
		if !f.JSON {
			return r.Print(sh.Out, *kind, f.MaxFailures)
		}
		if r.Ops, err = c.recorder.Ops(); err != nil {
			return err
		}
		return json.NewEncoder(sh.Out).Encode(r)
	}
}

// lying falsifies what a loop says of its spans, for the checks to find.
type lying struct {
	driver.Single
	lie string
}

// Run implements driver.Single.
func (l lying) Run(ctx context.Context, op load.Op) (load.Result, error) {
	r, err := l.Single.Run(ctx, lie.Op(l.lie, op))
	lie.Result(l.lie, &r)
	return r, err
}

// customers are all of them.
type customers struct {
	recorder *history.Recorder[history.BankInput, history.BankOutput]
	knobs    systems.Values
	seed     uint64
	branches []branchbankv1.BranchServiceClient
	conns    []*grpc.ClientConn
	each     [load.MaxClients]*customer // made when it is needed; none is ever used by two at once
	errors   load.FirstError
}

func (c *customers) dial(addresses []string) error {
	for _, addr := range addresses {
		conn, err := server.Dial(strings.TrimSpace(addr))
		if err != nil {
			return systems.Usagef("--branches %s: %w", addr, err)
		}
		c.conns = append(c.conns, conn)
		c.branches = append(c.branches, branchbankv1.NewBranchServiceClient(conn))
	}
	return nil
}

func (c *customers) close() {
	for _, conn := range c.conns {
		_ = conn.Close()
	}
}

func (c *customers) retried() (n int64) {
	for _, each := range c.each {
		if each != nil {
			n += each.retries
		}
	}
	return n
}

// customer is one of them.
type customer struct {
	*customers
	id      int
	target  int
	log     *history.Log[history.BankInput, history.BankOutput]
	rng     *rand.Rand
	wait    backoff.Backoff
	made    int
	retries int64
}

// op does one operation of a customer; that there is no money is an answer.
func (c *customers) op(ctx context.Context, id int) (int32, record.Outcome) {
	me := c.each[id]
	if me == nil {
		me = &customer{
			customers: c, id: id, target: id % len(c.branches), log: c.recorder.Client(int32(id)),
			rng: rand.New(rand.NewPCG(c.seed, uint64(id))), wait: backoff.Backoff{Most: retryMost},
		}
		c.each[id] = me
	}
	if c.knobs.Text(KnobRoam) == "yes" {
		me.target = (me.target + 1) % len(c.branches)
	}
	in, req := me.next()
	in.At = int32(me.target + 1)
	call, err := me.log.Begin(in)
	if err != nil {
		c.errors.Note(err.Error())
		return -1, record.Failed
	}
	resp, err := me.insist(ctx, req)
	out, outcome := history.BankOutput{Balance: resp.GetBalance(), Shown: true, Order: history.NoOrder}, rpc.Outcome(err)
	if err == nil && !resp.GetSuccess() {
		outcome = record.Refused
	}
	call.End(out, outcome)
	if err == nil && in.Kind != history.Query && me.rng.Float64() < c.knobs.Float(KnobRepeats) {
		err = me.again(ctx, in, req, out)
	}
	if err != nil {
		c.errors.Note(err.Error())
		return -1, rpc.Outcome(err)
	}
	return int32(me.target), record.OK
}

// again asks once more for what was answered. The answer must be the same, but for
// the balance, which may have moved on.
func (c *customer) again(ctx context.Context, in history.BankInput, req *branchbankv1.ExecuteRequest, before history.BankOutput) error {
	call, err := c.log.Begin(in)
	if err != nil {
		return err
	}
	c.retries++
	resp, err := c.insist(ctx, req)
	outcome := rpc.Outcome(err)
	if err == nil && !resp.GetSuccess() {
		outcome = record.Refused
	}
	call.End(before, outcome)
	return err
}

// next draws what to ask for.
func (c *customer) next() (history.BankInput, *branchbankv1.ExecuteRequest) {
	query, withdraw := c.rng.Float64() < c.knobs.Float(KnobQueries), c.rng.Float64() < c.knobs.Float(KnobWithdrawals)
	amount := 1 + c.rng.Int64N(int64(c.knobs.Int(KnobAmount)))
	if query {
		return history.BankInput{Kind: history.Query}, &branchbankv1.ExecuteRequest{Kind: branchbankv1.Kind_KIND_QUERY}
	}
	c.made++
	in := history.BankInput{Kind: history.Deposit, Amount: amount, Request: fmt.Sprintf("c%d-%d", c.id, c.made)}
	req := &branchbankv1.ExecuteRequest{Kind: branchbankv1.Kind_KIND_DEPOSIT, Amount: amount, RequestId: in.Request}
	if withdraw {
		in.Kind, req.Kind = history.Withdraw, branchbankv1.Kind_KIND_WITHDRAW
	}
	return in, req
}

// insist asks until the outcome is known, or the operation's time is over. Then an
// earlier attempt may have happened, whatever the last one brought.
func (c *customer) insist(ctx context.Context, req *branchbankv1.ExecuteRequest) (*branchbankv1.ExecuteResponse, error) {
	c.wait.Reset()
	for first := true; ; first = false {
		resp, err := c.once(ctx, req)
		switch {
		case err == nil:
			return resp, nil
		case slices.Contains([]codes.Code{codes.InvalidArgument, codes.Unimplemented}, status.Code(err)):
			return nil, err
		case ctx.Err() != nil && first:
			return nil, err
		case ctx.Err() != nil:
			return nil, fmt.Errorf("%w; the last attempt brought: %s", ctx.Err(), err.Error())
		}
		c.retries++
		c.wait.Wait(ctx, nil)
	}
}

func (c *customer) once(ctx context.Context, req *branchbankv1.ExecuteRequest) (*branchbankv1.ExecuteResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, attempt)
	defer cancel()
	return c.branches[c.target].Execute(ctx, req)
}
