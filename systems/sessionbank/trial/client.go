package trial

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"

	"dyno/bench/driver"
	"dyno/bench/lie"
	"dyno/bench/load"
	"dyno/internal/record"
	"dyno/internal/rpc"
	sessionbankv1 "dyno/proto/sessionbank/v1"
	"dyno/systems"
	"dyno/systems/sessionbank/check"
	"dyno/systems/sessionbank/core/bank"
	"dyno/systems/sessionbank/core/token"
	"dyno/systems/sessionbank/customer"
)

// clientKnobs are those that the generator binds.
var clientKnobs = []string{
	driver.KnobClients, driver.KnobRate, driver.KnobArrivals,
	KnobGuarantees, KnobToken, KnobReads, KnobMove, KnobHistory, KnobWait, KnobMutant, KnobLie,
}

const (
	attempts = 3
	maxOps   = 400_000 // that a trial's history holds
	largest  = 20      // of a deposit or withdrawal
)

// ClientRole is the generator.
var ClientRole = systems.Role{Command: systems.Command{
	Name:    "client",
	Summary: "drives branches with sessions that move from one to another, prints rate and latency",
	Example: "dyno sessionbank client --at 127.0.0.1:50051,127.0.0.1:50052 --clients 8 --length 2s --guarantees ryw,mr",
	Setup:   setupClient,
}}

// report is what the generator prints: its load, and what its sessions saw.
type report struct {
	driver.Report
	Ops      []check.Op        `json:"ops"`
	Zero     int64             `json:"zero_unix_ns"` // of their times
	Requests int64             `json:"requests"`     // of them, those that were answered
	Waited   int64             `json:"waited"`       // of those, those for which the branch waited
	Waits    *record.Histogram `json:"waits"`        // of those
	Tokens   int64             `json:"tokens"`       // bytes of tokens in those that were answered, both ways
}

func setupClient(fs systems.FlagSet) func(context.Context, systems.Shell) error {
	at := fs.String("at", "", "where the branches are: `HOST:PORT,HOST:PORT`")
	kind := fs.String("loop", driver.Closed,
		"closed: ask when the last request is answered; open: ask at --rate; search: open loops between --from and --to")
	f := driver.BindFlags(fs)
	goal := load.BindGoal(fs)
	v := Knobs.Bind(fs, clientKnobs...)
	return func(ctx context.Context, sh systems.Shell) error {
		if *at == "" {
			return systems.Usagef("--at is missing: give the addresses of the branches")
		}
		branches := strings.Split(*at, ",")
		if err := cmp.Or(systems.HostPort("--at", branches...), f.Check()); err != nil {
			return err
		}
		loop, err := f.Loop(*kind, driver.Model{
			Clients: v.Int(driver.KnobClients), Rate: v.Float(driver.KnobRate), Arrivals: v.Text(driver.KnobArrivals), Goal: *goal,
			Wrap: func(l driver.Single) driver.Single { return lying{l, v.Text(KnobLie)} },
		})
		if err != nil {
			return err
		}
		var conns []*grpc.ClientConn
		for _, addr := range branches {
			conn, err := rpc.Dial(addr)
			if err != nil {
				return systems.Usagef("--at %s: %w", addr, err)
			}
			defer conn.Close()
			conns = append(conns, conn)
		}
		r, err := drive(ctx, customer.Branches(conns), loop, f, v)
		if err != nil {
			return err
		}
		if f.JSON {
			return json.NewEncoder(sh.Out).Encode(r)
		}
		return r.Print(sh.Out, *kind, f.MaxFailures)
	}
}

// lying is a loop of which something false is said.
type lying struct {
	driver.Single
	lie string
}

// Run implements driver.Single.
func (l lying) Run(ctx context.Context, op load.Op) (load.Result, error) {
	res, err := l.Single.Run(ctx, lie.Op(l.lie, op))
	if err == nil {
		lie.Result(l.lie, &res)
	}
	return res, err
}

// generator is the sessions of a load.
type generator struct {
	branches []sessionbankv1.SessionBankServiceClient
	opt      customer.Options
	values   systems.Values
	seed     uint64
	clients  []*client
	errors   load.FirstError
}

// drive runs a load of sessions and returns what they saw.
func drive(ctx context.Context, branches []sessionbankv1.SessionBankServiceClient, loop driver.Loop, f *driver.Flags,
	v systems.Values,
) (r report, err error) {
	began := time.Now()
	r.Zero = began.UnixNano()
	g := &generator{branches: branches, values: v, seed: f.Seed, clients: make([]*client, load.MaxClients)}
	g.opt = customer.Options{
		Wait: v.Duration(KnobWait), Timeout: v.Duration(KnobWait) + time.Second, Attempts: attempts,
		Clock:  func() int64 { return int64(time.Since(began)) },
		Forget: v.Text(KnobMutant) == "amnesia",
	}
	past, err := g.preload(ctx, v.Int(KnobHistory))
	if err != nil {
		return r, err
	}
	g.opt.Guarantees, _ = token.ParseGuarantees(v.Text(KnobGuarantees)) // checked when they were read
	g.opt.Kind, _ = token.ParseKind(v.Text(KnobToken))
	meter := driver.StartMeter(f.Warmup, f.Length)
	sum, err := loop(ctx, g.op)
	r.Summary = sum
	r.Meter(meter)
	if err != nil {
		return r, err
	}
	r.FirstError = g.errors.String()
	return r, g.gather(&r, past)
}

// preload makes deposits that others have made before, by many sessions at once.
func (g *generator) preload(ctx context.Context, writes int) ([]check.Op, error) {
	const sessions = 32
	var mu sync.Mutex
	var all []check.Op
	var errs []error
	var running sync.WaitGroup
	for i := range sessions {
		running.Go(func() {
			s := customer.New(fmt.Sprintf("before-%d", i), g.branches, g.opt)
			for n := i; n < writes && ctx.Err() == nil; n += sessions {
				t := s.Do(ctx, bank.Deposit, 1, i%len(g.branches)) // in order everywhere without a guarantee
				mu.Lock()
				all = append(all, t.Op)
				errs = append(errs, t.Err)
				mu.Unlock()
				if t.Err != nil {
					return
				}
			}
		})
	}
	running.Wait()
	if err := errors.Join(append(errs, ctx.Err())...); err != nil || writes == 0 {
		return all, err
	}
	return all, customer.Settle(ctx, g.branches)
}

// client is one session.
type client struct {
	session *customer.Session
	rng     *rand.Rand
	at      int
	ops     []check.Op
	waits   *record.Histogram
	asked   int64
	answers int64
	waited  int64
	tokens  int64
}

func (g *generator) client(i int) *client {
	if g.clients[i] == nil {
		g.clients[i] = &client{
			session: customer.New(fmt.Sprintf("c%d", i), g.branches, g.opt), rng: rand.New(rand.NewPCG(g.seed, uint64(i))),
			at: i % len(g.branches), waits: record.NewHistogram(),
		}
	}
	return g.clients[i]
}

// op is one operation of a session. A refusal for want of money is a good answer.
func (g *generator) op(ctx context.Context, i int) (target int32, o record.Outcome) {
	c := g.client(i)
	kind, amount := c.choose(g.values.Float(KnobReads))
	if n := len(g.branches); n > 1 && c.asked > 0 && g.values.Text(KnobMove) == "always" {
		c.at = (c.at + 1 + c.rng.IntN(n-1)) % n
	}
	c.asked++
	var t customer.Told
	if g.values.Text(KnobMutant) == "invented" && kind == bank.Deposit && c.asked%10 == 0 {
		now := g.opt.Clock()
		t.Op = check.Op{Session: fmt.Sprintf("c%d", i), Number: 1 << 40, Kind: kind, Amount: amount, Begin: now, End: now}
		t.Outcome, t.Origin, t.Seq = record.OK, 1, 1<<40
	} else {
		t = c.session.Do(ctx, kind, amount, c.at)
	}
	c.note(t)
	switch {
	case t.Err != nil:
		g.errors.Note(t.Err.Error())
		return -1, t.Outcome
	default:
		return int32(c.at), record.OK
	}
}

// choose draws what to ask. The first thing that a session does is to look.
func (c *client) choose(reads float64) (bank.Kind, int64) {
	x, amount := c.rng.Float64(), c.rng.Int64N(largest)+1
	switch {
	case c.asked == 0 || x < reads:
		return bank.Query, 0
	case x < reads+(1-reads)*2/3:
		return bank.Deposit, amount
	default:
		return bank.Withdraw, amount
	}
}

func (c *client) note(t customer.Told) {
	c.ops = append(c.ops, t.Op)
	if t.Err != nil {
		return
	}
	c.answers++
	c.tokens += int64(t.Tokens)
	if t.Waited > 0 {
		c.waited++
		c.waits.Record(t.Waited)
	}
}

// gather sums up what all sessions saw.
func (g *generator) gather(r *report, past []check.Op) error {
	r.Ops, r.Waits = past, record.NewHistogram()
	for _, c := range g.clients {
		if c == nil {
			continue
		}
		r.Ops = append(r.Ops, c.ops...)
		r.Requests += c.answers
		r.Waited += c.waited
		r.Tokens += c.tokens
		r.Waits.Merge(c.waits)
	}
	if len(r.Ops) > maxOps {
		return fmt.Errorf("the history has %d operations, at most %d can be judged: measure for a shorter time", len(r.Ops), maxOps)
	}
	return nil
}
