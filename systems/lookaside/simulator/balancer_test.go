package simulator

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"dyno/bench/sim"
	lookasidev1 "dyno/proto/lookaside/v1"
	"dyno/systems/lookaside/core/balancer"
	"dyno/systems/lookaside/core/policy"
	"dyno/systems/lookaside/core/seed"
	"dyno/systems/lookaside/directory"
	"dyno/systems/lookaside/lb"
)

// What the balancer hears and says beside registrations and reports.
type (
	simAsk struct {
		number uint64 // of the question, among its client's
		to     string
		failed []*lookasidev1.Instance
	}
	simPicked struct {
		number uint64
		pick   balancer.Pick
		err    error
	}
	simReset struct{ number uint64 } // nobody listens there
)

func (m simAsk) String() string { return fmt.Sprintf("ask %d, %d failed", m.number, len(m.failed)) }
func (m simPicked) String() string {
	return fmt.Sprintf("picked %d: %s %v", m.number, m.pick.Instance, m.err)
}
func (m simReset) String() string { return fmt.Sprintf("reset %d", m.number) }

// simBalancer is one life of the balancer. Its members come from the shell's
// own apply, and so do its answers to registrations.
type simBalancer struct {
	world     *simWorld
	env       *sim.Env
	address   string
	server    *lb.Server
	core      *balancer.Balancer
	announcer simAnnouncer
	servers   simWatch
	known     bool
	check     *simReferee
	sequence  uint64 // of the mutant that takes any report
}

// simOver is a context that has ended: with it Register answers at once
// instead of waiting for the directory.
var simOver = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

func (b *simBalancer) Init(env *sim.Env) {
	b.env, b.address = env, fmt.Sprintf("lb.%08x", env.Rand().Uint32())
	p, err := policy.New(b.world.policy.Name)
	if err != nil {
		env.Fail(err)
		return
	}
	b.core = balancer.New(balancer.Config{
		Policy: b.world.mutant.wrap(p), Interval: simInterval, Service: "sim",
		Rand: rand.New(rand.NewPCG(env.Rand().Uint64(), seed.Balancer)),
	})
	b.server = lb.New(b.world.policy.Name, b.core, slog.New(slog.DiscardHandler))
	b.check = newSimReferee(b.world, b.core)
	b.announcer = simAnnouncer{env: env, held: func(int64) {}, put: simPut{
		key: simBalancers + b.address, followed: simBalancers, value: directory.Value{Address: b.address},
	}}
	if b.world.mutant == mutantEarly {
		b.announcer.start()
	}
	b.servers = simWatch{env: env, prefix: simServers}
	b.servers.ask()
}

func (b *simBalancer) Timer(tag uint64) {
	if tag&0xff == simTagFollow {
		b.servers.ask()
		return
	}
	b.announcer.timer(tag)
}

func (b *simBalancer) Receive(from sim.ID, msg any) {
	switch m := msg.(type) {
	case simHeld, simRenewed, simRevoked:
		b.announcer.receive(m)
	case simListing:
		b.apply(m)
	case simAsk:
		if m.to != b.address {
			b.env.Send(from, simReset{m.number})
			return
		}
		b.pick(from, m)
	case simRegister:
		if m.to == b.address {
			_, err := b.server.Register(simOver, m.req)
			b.env.Send(from, simRegistered{b.address, err})
		}
	case simReport:
		if m.to == b.address {
			b.report(from, m.rep)
		}
	}
}

// apply takes in the directory, and announces the balancer once it has.
func (b *simBalancer) apply(l simListing) {
	before := b.servers.last
	if !b.servers.news(l) {
		return
	}
	if b.world.mutant == mutantDeaf {
		l.entries = keepAll(before.entries, l.entries)
		b.servers.last.entries = l.entries
	}
	b.server.Apply(l.entries, l.revision)
	if b.world.mutant == mutantLeave {
		b.leaveByID(before.entries, l.entries)
	}
	b.fail(b.check.applied(l))
	if !b.known {
		b.known = true
		if b.world.mutant != mutantEarly {
			b.announcer.start()
		}
	}
}

func (b *simBalancer) pick(from sim.ID, m simAsk) {
	now := b.env.Now()
	for _, f := range m.failed {
		b.core.Fail(now, f.GetId(), f.GetInstance())
	}
	rows := b.core.Rows(now)
	pick, err := b.core.Pick(now)
	b.fail(b.check.picked(now, rows, pick, err))
	if err != nil {
		err = lb.WireError(err)
	}
	b.env.Send(from, simPicked{m.number, pick, err})
}

func (b *simBalancer) report(from sim.ID, rep balancer.Report) {
	told := rep
	switch b.world.mutant {
	case mutantReports:
		b.sequence++
		told.Sequence = b.sequence
	case mutantDraining:
		told.Draining = false
	}
	err := b.core.Report(b.env.Now(), told)
	b.fail(b.check.reported(b.env.Now(), rep, err))
	if err != nil {
		b.env.Send(from, simReportEnded{b.address, lb.WireError(err)})
	}
}

func (b *simBalancer) fail(err error) {
	if err != nil {
		b.env.Fail(err)
	}
}

// simMutant is a flaw put in on purpose.
type simMutant string

const (
	mutantNone      simMutant = ""
	mutantLeave     simMutant = "the end of any lease removes the server of that name"
	mutantDeaf      simMutant = "ended leases are not heard of"
	mutantReports   simMutant = "old reports count"
	mutantDraining  simMutant = "draining servers are picked"
	mutantForgets   simMutant = "own picks are forgotten"
	mutantCursor    simMutant = "the round is an index"
	mutantLast      simMutant = "the last comes first"
	mutantEarly     simMutant = "announced before the directory is read"
	mutantTwice     simMutant = "a request counts again when it is sent again"
	mutantAnyAnswer simMutant = "an answer to any request will do"
	mutantRevision  simMutant = "a server takes the revision of its last put for that of its registration"
	mutantStubborn  simMutant = "a client never looks for the balancer again"
)

// leaveByID is what [mutantLeave] does with the keys that are gone.
func (b *simBalancer) leaveByID(before, now []directory.Entry) {
	listed := map[string]bool{}
	for _, e := range now {
		listed[e.Path[1]] = true
	}
	gone := map[string]bool{} // by id
	for _, e := range before {
		gone[e.Path[0]] = gone[e.Path[0]] || !listed[e.Path[1]]
	}
	for _, r := range b.core.Rows(b.env.Now()) {
		if gone[r.ID] {
			b.core.Leave(r.ID, r.Instance)
		}
	}
}

// keepAll is what [mutantDeaf] makes of a listing.
func keepAll(before, now []directory.Entry) []directory.Entry {
	out := append([]directory.Entry(nil), before...)
	last := int64(0)
	if n := len(before); n > 0 {
		last = before[n-1].Revision
	}
	for _, e := range now {
		if e.Revision > last {
			out = append(out, e)
		}
	}
	return out
}

// wrap puts a flaw into a policy.
func (m simMutant) wrap(p policy.Policy) policy.Policy {
	switch m {
	case mutantForgets:
		return forgetful{p}
	case mutantCursor:
		return &indexCursor{}
	case mutantLast:
		return pickLast{}
	default:
		return p
	}
}

type forgetful struct{ policy.Policy }

func (p forgetful) Pick(now time.Duration, servers []policy.Server, rng *rand.Rand) int {
	seen := append([]policy.Server(nil), servers...)
	for i := range seen {
		seen[i].Assigned = 0
	}
	return p.Policy.Pick(now, seen, rng)
}

type pickLast struct{}

func (pickLast) Pick(_ time.Duration, servers []policy.Server, _ *rand.Rand) int {
	return len(servers) - 1
}

type indexCursor struct{ next int }

func (p *indexCursor) Pick(_ time.Duration, servers []policy.Server, _ *rand.Rand) int {
	i := p.next % len(servers)
	p.next = i + 1
	return i
}

// simSlack is how old a listing may be for the balancer to count as in touch
// with the directory.
const simSlack = simRefresh

// simGone is how long after its last act a server may still be picked: the
// bound of the design, and the time between two of its acts.
const simGone = directory.LeaseTTL + time.Second + simInterval
