package simulator

import (
	"errors"
	"fmt"
	"time"

	"dyno/internal/backoff"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"dyno/bench/sim"
	"dyno/internal/record"
	"dyno/internal/rpc"
	lookasidev1 "dyno/proto/lookaside/v1"
	"dyno/systems/lookaside/check"
	"dyno/systems/lookaside/core/seed"
	"dyno/systems/lookaside/core/service"
)

const (
	simAttemptTime = 250 * time.Millisecond
	simRequestTime = 2500 * time.Millisecond
)

// simClient is a client in a closed loop with pauses. The order of its steps
// is that of caller.request and caller.pick, which block; what they decide by,
// they share.
type simClient struct {
	requests int64 // that it began
	world    *simWorld
	env      *sim.Env
	name     string
	lb       simWatch
	address  string // of the balancer
	log      simLog
	shares   map[string]check.Share // by [check.Server.Key]

	step     uint64 // kind of the timer that the request waits with; 0: none is under way
	number   uint64 // of that step
	begun    time.Duration
	okBegun  time.Duration // when the last request began that was ok
	req      *lookasidev1.ComputeRequest
	target   int32
	attempt  int
	refusals int
	failed   []*lookasidev1.Instance
	instance *simServer      // that was asked
	between  backoff.Backoff // attempts
	asking   backoff.Backoff
}

func (c *simClient) Init(env *sim.Env) {
	c.env, c.shares = env, map[string]check.Share{}
	c.between.Rand, c.asking.Rand = env.Rand(), env.Rand()
	c.lb = simWatch{env: env, prefix: simBalancers}
	c.lb.ask()
	c.think()
}

// wait begins a step that ends with a message or after a time.
func (c *simClient) wait(kind uint64, d time.Duration) {
	c.step = kind
	c.number++
	c.env.SetTimer(d, simTag(kind, c.number))
}

func (c *simClient) think() { c.wait(simTagThink, c.world.think.Sample(c.env.Rand())) }

func (c *simClient) Timer(tag uint64) {
	if tag == simTagFollow {
		c.lb.ask()
		return
	}
	if tag != simTag(c.step, c.number) {
		return
	}
	switch c.step {
	case simTagThink:
		c.begin()
	case simTagAsk:
		c.ask()
	case simTagReply:
		c.unpicked(status.Error(codes.DeadlineExceeded, "the balancer did not answer"))
	case simTagServe:
		c.broke()
	}
}

func (c *simClient) Receive(_ sim.ID, msg any) {
	switch m := msg.(type) {
	case simListing:
		if c.lb.news(m) {
			c.moved(simBalancerAddress(m, c.address))
		}
	case simPicked:
		if c.step == simTagReply && m.number == c.number {
			if m.err != nil {
				c.unpicked(m.err)
			} else {
				c.serve(m)
			}
		}
	case simReset:
		if c.step == simTagReply && m.number == c.number {
			c.unpicked(status.Error(codes.Unavailable, "nobody listens there"))
		}
	case simAnswer:
		if c.step == simTagServe && (m.number == c.number || c.world.mutant == mutantAnyAnswer) {
			c.answered(m.resp)
		}
	}
}

// moved wakes a request that waits for the balancer.
func (c *simClient) moved(address string) {
	if address == c.address || c.world.mutant == mutantStubborn && c.address != "" {
		return
	}
	c.address = address
	if c.step == simTagAsk {
		c.ask()
	}
}

func (c *simClient) begin() {
	c.begun, c.target, c.attempt, c.failed = c.env.Now(), nobody, 0, nil
	c.req = &lookasidev1.ComputeRequest{
		Seed: seed.Mix(c.world.Seed(), seed.Request, uint64(c.env.ID()), uint64(c.requests)), Rounds: 1,
	}
	c.requests++
	c.between.Reset()
	c.choose()
}

func (c *simClient) timeUp() bool { return c.env.Now() >= c.begun+simRequestTime }

// choose looks for the balancer until the request's time is up, as a client
// does that has no list to fall back on.
func (c *simClient) choose() {
	c.refusals = 0
	c.asking.Reset()
	c.ask()
}

func (c *simClient) ask() {
	c.wait(simTagReply, min(simAskTime, c.begun+simRequestTime-c.env.Now()))
	if c.address == "" {
		c.unpicked(status.Error(codes.Unavailable, "no balancer is announced"))
		return
	}
	c.env.Send(simBalancerID, simAsk{c.number, c.address, c.failed})
}

func (c *simClient) unpicked(err error) {
	switch kind := rpc.KindOf(err); {
	case kind == rpc.Unavailable:
		c.refusals++
	case kind != rpc.None:
		c.finish(simOutcome(c.target, err))
		return
	}
	if c.refusals > simRetries || c.timeUp() {
		c.finish(simOutcome(c.target, err))
		return
	}
	c.wait(simTagAsk, c.asking.Next())
}

// simAskTime is what the balancer is given to answer.
const simAskTime = 2 * time.Second

// simOutcome is the outcome of a request that found no server. When the balancer
// says that there is none, that is a refusal; when it cannot be reached, a
// failure, unless a server was reached before.
func simOutcome(target int32, err error) record.Outcome {
	switch {
	case target != nobody:
		return record.Unknown
	case rpc.KindOf(err) == rpc.Unavailable:
		return record.Refused
	default:
		return record.Failed
	}
}

func (c *simClient) serve(m simPicked) {
	c.instance = c.world.byInstance[m.pick.Instance]
	if c.target != nobody {
		c.log.repicks++
		if c.world.mutant == mutantTwice {
			c.log.counts.Tally(record.Unknown)
		}
	}
	c.target = int32(c.instance.env.ID())
	key := m.pick.ID + "/" + m.pick.Instance
	share := c.shares[key]
	share.Sent++
	c.shares[key] = share
	c.wait(simTagServe, min(simAttemptTime, c.begun+simRequestTime-c.env.Now()))
	until := c.env.Now() + simAttemptTime
	c.env.Send(c.instance.env.ID(), simCompute{c.number, m.pick.Address, until, c.req})
	c.failed = []*lookasidev1.Instance{{Id: m.pick.ID, Instance: m.pick.Instance}}
}

func (c *simClient) answered(resp *lookasidev1.ComputeResponse) {
	outcome := record.OK
	if c.log.verify(c.req, resp) != nil {
		outcome = record.Failed
	} else {
		key := resp.GetId() + "/" + resp.GetInstance()
		share := c.shares[key]
		share.OK++
		share.Sojourn += time.Duration(resp.GetSojournNs())
		c.shares[key] = share
		c.okBegun = c.begun
	}
	c.finish(outcome)
}

// broke: the server has not answered in time.
func (c *simClient) broke() {
	err := status.Error(codes.DeadlineExceeded, "the server did not answer")
	c.attempt++
	switch {
	case c.timeUp():
		c.finish(rpc.Outcome(err))
	case c.attempt > simRetries:
		c.finish(record.Unknown)
	case c.attempt > 1:
		c.refusals = 0
		c.asking.Reset()
		c.wait(simTagAsk, c.between.Next())
	default:
		c.choose()
	}
}

func (c *simClient) finish(o record.Outcome) {
	c.log.counts.Tally(o)
	c.think()
}

// history closes the books. A request under way may or may not have happened.
func (c *simClient) history() check.Client {
	counts := c.log.counts
	if c.step != simTagThink {
		counts.Tally(record.Unknown)
	}
	counts.Offered = c.requests // one for each request that began
	return check.Client{Name: c.name, Counts: counts, Verified: c.log.verified, Wrong: c.log.wrong, Servers: c.shares}
}

// stuck says that the client got nothing done that it began after a moment.
func (c *simClient) stuck(since time.Duration) error {
	if c.okBegun > since {
		return nil
	}
	return fmt.Errorf("%s: no request that began after %v was answered; it asks %q", c.name, since, c.address)
}

// simRetries is how often a request goes to another server.
const nobody = int32(-1) // where no server is picked

const simRetries = 3

// simLog is what a client knows of its requests.
type simLog struct {
	counts                   record.Counts
	verified, wrong, repicks int64
}

func (l *simLog) verify(req *lookasidev1.ComputeRequest, resp *lookasidev1.ComputeResponse) error {
	l.verified++
	if resp.GetDigest() != service.Hash(req.GetSeed(), req.GetRounds()) {
		l.wrong++
		return errors.New("a wrong answer")
	}
	return nil
}
